"""Content hashes of files, cached until a file changes."""

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
# A file that changes twice within one tick of the file system's clock (2 s on FAT) has the same signature after both
# changes. The hash of a file that changed this recently is therefore not cached.
SETTLED_SECONDS = 2.0
BATCH_SIZE = 500  # paths in one query; SQLite limits the variables of a statement
_again: ContextVar[bool] = ContextVar("rehashing", default=False)
_known: dict[str, tuple["Signature", str]] = {}


class Signature(NamedTuple):
    """File metadata that changes with the content; `ctime_ns` does even if a program restores size and `mtime`."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def signature(path: str | Path) -> Signature | None:
    """The signature of a file (symbolic links followed), or None if it does not exist."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return Signature(state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


@contextlib.contextmanager
def rehashing() -> Iterator[None]:
    """Context in which cached hashes are ignored: files are read again and the cache is updated."""
    token = _again.set(True)
    try:
        yield
    finally:
        _again.reset(token)


def hash_files(paths: Iterable[str | Path]) -> dict[str, str | None]:
    """SHA-256 (hex) of each file by its absolute path; None for a path that is not a file or cannot be read.

    A file is read unless the cache holds its path with its current size, times and inode.
    """
    names = list(dict.fromkeys(os.path.abspath(path) for path in paths))
    signatures = {name: signature(name) for name in names}
    known = {} if _again.get() else _cached(names)
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
    _store(new)
    return found


def _read(name: str) -> str | None:
    if not os.path.isfile(name):  # reading from a pipe would block
        return None
    try:
        with open_regular(name) as stream:
            return hashlib.file_digest(cast(io.BufferedReader, stream), "sha256").hexdigest()
    except OSError:
        return None


def _cached(names: list[str]) -> Mapping[str, tuple[Signature, str]]:
    """Signature and hash by path, from this process or else from the cache."""
    missing = [name for name in names if name not in _known]
    with contextlib.suppress(sqlite3.Error, OSError), _opened() as store:
        for start in range(0, len(missing) if store else 0, BATCH_SIZE):
            part = missing[start : start + BATCH_SIZE]
            marks = ",".join("?" * len(part))
            rows = store.execute(f"SELECT * FROM hashes WHERE path IN ({marks})", part)  # type: ignore[union-attr]
            _known.update({row[0]: (Signature(*row[1:5]), row[5]) for row in rows})
    return _known


def _store(new: Mapping[str, tuple[Signature, str]]) -> None:
    """Add hashes to the cache. Errors are ignored: without a cache files are only hashed more often."""
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
