"""Content hashes of files, remembered in the cache for as long as nothing has touched them."""

import contextlib
import hashlib
import io
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple, cast

from interlace.configuration.locations import cache_dir
from interlace.reading.files import open_regular

NAME = "hashes.sqlite3"
# A file that is changed twice within a tick of its file system's clock looks the same after both: what was touched so
# lately is read again (2 s on FAT).
SETTLED_SECONDS = 2.0
AT_ONCE = 500  # of SQLite's limit of variables in a statement
_again: ContextVar[bool] = ContextVar("reading_again", default=False)
_known: dict[str, tuple["Signature", str]] = {}


class Signature(NamedTuple):
    """What changes when a file does, even where a program puts size and time of change back (`ctime_ns`)."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def signature(path: str | Path) -> Signature | None:
    """Of a file, links followed; None where there is no file."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return Signature(state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


@contextlib.contextmanager
def reading_again() -> Iterator[None]:
    """Within it files are read, whatever is remembered of them; what they hold is remembered then."""
    token = _again.set(True)
    try:
        yield
    finally:
        _again.reset(token)


def hash_files(paths: Iterable[str | Path]) -> dict[str, str | None]:
    """sha256 (hex) of each file by its absolute path; None for one that is no file or cannot be read.

    A file is read when the cache does not know its path with the size, times and inode that it has now.
    """
    names = list(dict.fromkeys(os.path.abspath(path) for path in paths))
    signatures = {name: signature(name) for name in names}
    known = {} if _again.get() else _remembered(names)
    found: dict[str, str | None] = {}
    new: dict[str, tuple[Signature, str]] = {}
    for name, state in signatures.items():
        if state is None:
            found[name] = None
        elif name in known and known[name][0] == state:
            found[name] = known[name][1]
        else:
            found[name] = digest = _read(name)
            if digest is not None and time.time() - max(state.ctime_ns, state.mtime_ns) / 1e9 > SETTLED_SECONDS:
                new[name] = (state, digest)
    _remember(new)
    return found


def _read(name: str) -> str | None:
    if not os.path.isfile(name):  # a pipe would be waited for
        return None
    try:
        with open_regular(name) as stream:
            return hashlib.file_digest(cast(io.BufferedReader, stream), "sha256").hexdigest()
    except OSError:
        return None


def _remembered(names: list[str]) -> Mapping[str, tuple[Signature, str]]:
    """By path: of this process, else of the cache."""
    missing = [name for name in names if name not in _known]
    with contextlib.suppress(sqlite3.Error, OSError), _opened() as store:
        for start in range(0, len(missing) if store else 0, AT_ONCE):
            part = missing[start : start + AT_ONCE]
            marks = ",".join("?" * len(part))
            rows = store.execute(f"SELECT * FROM hashes WHERE path IN ({marks})", part)  # type: ignore[union-attr]
            _known.update({row[0]: (Signature(*row[1:5]), row[5]) for row in rows})
    return _known


def _remember(new: Mapping[str, tuple[Signature, str]]) -> None:
    """A cache that cannot be written to costs time, no more."""
    if not new:
        return
    _known.update(new)
    with contextlib.suppress(sqlite3.Error, OSError), _opened(make=True) as store:
        rows = [(name, *state, digest) for name, (state, digest) in new.items()]
        store.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?)", rows)  # type: ignore[union-attr]


@contextlib.contextmanager
def _opened(make: bool = False) -> Iterator[sqlite3.Connection | None]:
    path = cache_dir() / NAME
    if not make and not path.is_file():
        yield None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    store = sqlite3.connect(path, timeout=5.0)
    try:
        with store:
            store.execute(
                "CREATE TABLE IF NOT EXISTS hashes "
                "(path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, ctime INTEGER, inode INTEGER, sha256 TEXT)"
            )
            yield store
    finally:
        store.close()
