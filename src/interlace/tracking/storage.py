"""Errors of full disks and read-only folders, as one sentence with the path and a remedy."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from interlace.errors import RunFailure

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST})


class StorageError(RunFailure, OSError):
    """A file could not be written: the disk is full, or the folder does not allow it."""


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Converts errors of a full disk or read-only folder to a StorageError on `path`; other errors pass."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        converted = storage_error(path, error)
        if converted is None:
            raise
        raise converted from error


def storage_error(path: Path, error: BaseException) -> StorageError | None:
    """The StorageError for an error that a full disk or read-only folder has caused; None for other errors."""
    cause = _cause(error)
    if cause is None:
        return None
    reason = os.strerror(cause.errno or 0)
    if cause.errno in FULL:
        return StorageError(
            f"{path}: cannot be written: {reason} ({_free_bytes(path):,} bytes free there); an earlier file is "
            "unchanged, so free some space and give the same command again, which continues from the last checkpoint"
        )
    return StorageError(
        f"{path}: cannot be written: {reason}; make {_existing(path)} writable, or choose another folder for outputs "
        "with INTERLACE_OUTPUTS=DIR"
    )


def check_writable(folder: Path) -> None:
    """Raises StorageError where no file can be created in `folder`, or it cannot be created; leaves no file."""
    with naming(folder), tempfile.TemporaryFile(dir=_existing(folder / "a file")):
        pass


def _cause(error: BaseException) -> OSError | None:
    """The OSError among an error's causes; torch, for one, raises another error from a failed write."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in FULL | CLOSED:
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _existing(path: Path) -> Path:
    """The nearest existing folder above a path."""
    return next((folder for folder in path.parents if folder.exists()), Path("/"))


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(_existing(path)).free
