"""Files of lines that are written over a long time: whole under their name, or not there, and resumed."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from interlace.errors import UserError
from interlace.tracking.files import read_json, write_json
from interlace.tracking.storage import naming


class PartialLines:
    """The lines so far of a file, in `.NAME.partial` beside it, which is renamed at the end.

    `identity` (plain JSON) tells what the lines depend on and stands in `.NAME.partial.json`; lines of another identity
    are dropped. Lines survive the death of the process (not that of the machine, as they are not synchronized to the
    disk). Two processes cannot write one file: the second gets a UserError.
    """

    def __init__(self, path: Path, identity: Any) -> None:
        self.path = path
        self._lines = path.with_name(f".{path.name}.partial")
        self._identity = path.with_name(f".{path.name}.partial.json")
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._lines.open("a+b")
        self._lock()
        if not self._identity.exists() or read_json(self._identity) != identity:
            self._stream.truncate(0)
            write_json(self._identity, identity)

    @classmethod
    @contextmanager
    def opened(cls, path: Path, identity: Any) -> Iterator[Self]:
        """Context with the lines; what was written stays for a later call, unless `finish` or `discard` is called."""
        lines = cls(path, identity)
        try:
            yield lines
        finally:
            if not os.fstat(lines._stream.fileno()).st_size:
                lines.discard()
            lines._stream.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._stream.close()
            raise UserError(f"{self.path}: another process is writing it; wait for it, or give another name") from None

    def whole_lines(self) -> Iterator[bytes]:
        """Yield the lines that were written whole, with their ends."""
        self._stream.seek(0)
        yield from (line for line in self._stream if line.endswith(b"\n"))

    def keep(self, count: int) -> None:
        """Drop all but the first `count` lines."""
        size = sum(len(line) for _, line in zip(range(count), self.whole_lines(), strict=False))
        self._stream.truncate(size)
        self._stream.seek(size)

    def write(self, lines: Iterable[str]) -> None:
        """Append lines without their ends. Raises StorageError where the disk is full."""
        with naming(self.path):
            self._stream.write("".join(f"{line}\n" for line in lines).encode())
            self._stream.flush()

    def finish(self) -> None:
        """Give the file its name."""
        with naming(self.path):
            os.fchmod(self._stream.fileno(), 0o644)
            self._lines.replace(self.path)
            self._identity.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the lines."""
        self._lines.unlink(missing_ok=True)
        self._identity.unlink(missing_ok=True)
