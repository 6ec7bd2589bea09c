"""Decoded arrays on disk, built once and then memory-mapped by every process."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from interlace.configuration.locations import cache_dir
from interlace.errors import UserError

COMPLETE_MARKER = "complete.json"
PAGE = 4096
STALE_SECONDS = 24 * 3600


def cached_arrays(
    name: str, key: Mapping[str, Any], build: Callable[[Path], dict[str, Any]]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of `<cache>/arrays/<name>-<hash of key>`, built by `build` if they are missing.

    `build(folder)` writes .npy files into a temporary folder and returns further content to keep (plain JSON). Sizes
    and sampled checksums are recorded in `complete.json`, and the folder is renamed in one step, so that a killed
    process leaves nothing that looks complete. A folder whose checksums do not match is built again. A second process
    waits for the first. Returns read-only memory-mapped arrays by file stem, and the content that `build` returned.
    """
    folder = _folder(name, key)
    try:
        found = _open(folder)
        if found is None:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _locked(folder.with_name(folder.name + ".lock")):
                found = _open(folder) or _make(folder, build)
    except OSError as error:
        raise UserError(
            f"{folder.parent}: cannot keep decoded data there ({error.strerror or error}); "
            "set INTERLACE_CACHE to a writable folder with free space"
        ) from error
    return found


def is_cached(name: str, key: Mapping[str, Any]) -> bool:
    """True if `cached_arrays` would build nothing."""
    return _open(_folder(name, key)) is not None


def cached_bytes(prefix: str) -> int:
    """Bytes on disk of all cached arrays whose name begins so, those under construction included."""
    folders = (cache_dir() / "arrays").glob(f"{prefix}*/*")
    total = 0
    for path in folders:
        with contextlib.suppress(OSError):  # another process may rename or remove it meanwhile
            total += path.stat().st_size
    return total


def _folder(name: str, key: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]
    return cache_dir() / "arrays" / f"{name}-{digest}"


def _make(folder: Path, build: Callable[[Path], dict[str, Any]]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    _remove_abandoned(folder)
    temporary = Path(tempfile.mkdtemp(prefix=folder.name + ".tmp-", dir=folder.parent))
    try:
        content = build(temporary)
        files = {path.name: _checksum(path) for path in sorted(temporary.glob("*.npy"))}
        (temporary / COMPLETE_MARKER).write_text(json.dumps({"files": files, "content": content}), encoding="utf-8")
        if folder.exists():  # incomplete or damaged, as it could not be opened
            shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(FileExistsError):
            try:
                temporary.rename(folder)
            except OSError:
                if _open(folder) is None:  # otherwise another host has built the same content first
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    found = _open(folder)
    if found is None:
        raise OSError(f"{folder.name} could not be read back")
    return found


def _open(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Arrays and content of a complete folder; None if it is absent, incomplete or damaged."""
    try:
        marker = json.loads((folder / COMPLETE_MARKER).read_text(encoding="utf-8"))
        for name, checksum in marker["files"].items():
            if _checksum(folder / name) != checksum:
                return None
        arrays = {Path(name).stem: load_mapped(folder / name) for name in marker["files"]}
        return arrays, marker["content"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def load_mapped(path: Path) -> np.ndarray:
    """A .npy file as a read-only array backed by the file (a plain ndarray, as np.memmap is slower to index)."""
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    return np.asarray(mapped).view(np.ndarray)


def _checksum(path: Path) -> str:
    """A hash of the size and of 64 evenly spaced pages; reading the whole file would cost every start a second."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        for offset in sorted({*(max(0, size - PAGE) * i // 63 for i in range(64))}):
            stream.seek(offset)
            digest.update(stream.read(PAGE))
    return digest.hexdigest()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an advisory lock; without support by the file system go on, as the rename is safe without a lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    for path in folder.parent.glob(folder.name + ".tmp-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def content_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, types, shapes and bytes of arrays, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def fingerprint_of(arguments: Mapping[str, Any], content: str) -> str:
    """SHA-256 over the arguments that change a data set and the hash of its content."""
    return hashlib.sha256((json.dumps(arguments, sort_keys=True) + content).encode()).hexdigest()


def source_hash(package: Path) -> str:
    """SHA-256 over the .py files of a folder, or over one file; part of cache keys, as arrays depend on the code."""
    files = [package] if package.is_file() else sorted(package.glob("*.py"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
