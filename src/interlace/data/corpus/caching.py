"""Cached folders, identified by a hash of their inputs."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from interlace.configuration.locations import cache_dir
from interlace.errors import UserError
from interlace.folders import whole_folder
from interlace.inputs import hash_files, note


def cached_folder(
    name: str, key: Mapping[str, Any], build: Callable[[Path], object], is_intact: Callable[[Path], bool]
) -> Path:
    """The folder `<cache>/corpora/<name>-<hash of key>`, built by `build(folder)` in a temporary folder if missing.

    It appears in one step; one process builds it while others wait. A folder that fails `is_intact` is built again.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]
    folder = cache_dir() / "corpora" / f"{name}-{digest}"
    try:
        if folder.is_dir() and is_intact(folder):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(folder.name + ".lock")):
            if not (folder.is_dir() and is_intact(folder)):
                _make(folder, build)
    except OSError as error:
        raise UserError(
            f"{folder.parent}: cannot keep a packed corpus there ({error.strerror or error}); set INTERLACE_CACHE to "
            "a writable folder with free space"
        ) from error
    return folder


def _make(folder: Path, build: Callable[[Path], object]) -> None:
    # We hold the lock, so the processes that wrote them were killed.
    for abandoned in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    with whole_folder(folder) as temporary:
        build(temporary)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def file_key(path: Path) -> dict[str, Any]:
    """The part of a cache key that identifies a file's content: its SHA-256."""
    note(path)
    (digest,) = hash_files([path]).values()
    if digest is None:
        raise UserError(f"{path}: cannot be read; check its permissions")
    return {"sha256": digest}
