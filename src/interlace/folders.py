"""Folders that appear as a whole."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yields an empty temporary folder beside `folder`, which takes its place when the block ends without an error.

    A folder of that name is replaced: it is moved aside, and comes back if the new one cannot take its place; so at
    every moment one of the two lies on the disk complete. After an error in the block nothing has changed. OSError
    where the parent folder cannot be written. A killed process leaves the temporary folder, `.NAME.` and a random end.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    aside = temporary.with_name(temporary.name + ".old")
    try:
        yield temporary
        temporary.chmod(0o755)  # mkdtemp's folders are their owner's alone
        if folder.exists():
            folder.rename(aside)
        try:
            temporary.rename(folder)
        except OSError:
            if aside.exists():
                aside.rename(folder)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
