"""What a power cut, a full disk or a bad sector makes of a file."""

import os
from pathlib import Path


def truncated(path: Path) -> None:
    """The first half alone."""
    os.truncate(path, path.stat().st_size // 2)


def zero_bytes(path: Path) -> None:
    """The name without the content."""
    os.truncate(path, 0)


def garbage(path: Path) -> None:
    """Other bytes of the same length."""
    path.write_bytes(bytes(i * i % 251 for i in range(path.stat().st_size)))


def page_of_zeros(path: Path) -> None:
    """4096 bytes in the middle that never came to the disk."""
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        stream.write(bytes(4096))


DAMAGES = {each.__name__: each for each in (truncated, zero_bytes, garbage, page_of_zeros)}
