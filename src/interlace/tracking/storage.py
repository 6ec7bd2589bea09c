"""Disks that are full and folders that are closed: one sentence with the path, and how to mend it."""

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
    """Turns what a full or closed disk raises inside into a StorageError about `path`; all else passes."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        told = storage_error(path, error)
        if told is None:
            raise
        raise told from error


def storage_error(path: Path, error: BaseException) -> StorageError | None:
    """The sentence, where the cause of `error` is a disk's; None for other errors."""
    cause = _cause(error)
    if cause is None:
        return None
    reason = os.strerror(cause.errno or 0)
    if cause.errno in FULL:
        return StorageError(
            f"{path}: cannot be written: {reason} ({_free_bytes(path):,} bytes free there); what lay there before is "
            "whole, so free some space and give the same command again, which goes on from the last checkpoint"
        )
    return StorageError(
        f"{path}: cannot be written: {reason}; make {_existing(path)} writable, or name another folder for what runs "
        "write with INTERLACE_OUTPUTS=DIR"
    )


def check_writable(folder: Path) -> None:
    """StorageError where `folder` cannot take a file, or cannot be made; nothing is left behind."""
    with naming(folder), tempfile.TemporaryFile(dir=_existing(folder / "a file")):
        pass


def _cause(error: BaseException) -> OSError | None:
    """The error of the system among an error's causes: torch reports a failed write as an error of its own."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in FULL | CLOSED:
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _existing(path: Path) -> Path:
    """The nearest folder above a path that is there."""
    return next((folder for folder in path.parents if folder.exists()), Path("/"))


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(_existing(path)).free
