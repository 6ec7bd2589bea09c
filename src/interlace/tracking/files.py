"""Reading and atomic writing of files."""

import io
import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from interlace.errors import UserError, one_line
from interlace.reading import documents
from interlace.tracking.storage import naming

LEFTOVER = re.compile(r"\..+\.[a-z0-9_]{8}$")  # names that mkstemp gives in write_atomically


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary path in the same folder, then renames: a reader never sees a partial file.

    Raises StorageError when the disk is full or not writable; an existing file at `path` is then unchanged.
    """
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files of killed writers; call it only while no other process writes."""
    for path in folder.glob(".*"):
        if LEFTOVER.match(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Appends a line to a file, or leaves the file unchanged and raises StorageError: the disk is full or read-only."""
    left = memoryview(f"{line}\n".encode())
    with naming(path), path.open("ab", buffering=0) as stream:
        size = stream.tell()
        try:
            while left:  # a write may be partial when the disk is nearly full
                left = left[stream.write(left) :]
        except OSError:
            stream.truncate(size)
            raise


def write_json(path: Path, value: Any) -> None:
    """Writes plain data as indented JSON, atomically. NaN and infinity become null, as JSON has neither."""
    text = json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


class DamagedError(UserError, ValueError):
    """A file of a run is damaged."""


def read_json(path: Path) -> Any:
    """The JSON document at `path`; DamagedError for invalid JSON."""
    try:
        return documents.read_json(path)
    except UserError:
        raise
    except ValueError as error:
        raise DamagedError(f"{path}: damaged, it is not JSON ({one_line(error)})") from None


def write_yaml(path: Path, value: Any) -> None:
    """Writes plain data as YAML, atomically."""
    text = OmegaConf.to_yaml(OmegaConf.create(value))
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_yaml(path: Path) -> Any:
    """The YAML document at `path` as plain data; DamagedError for invalid YAML."""
    try:
        return documents.read_yaml(path, lambda text: OmegaConf.to_container(OmegaConf.load(io.StringIO(text))))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise DamagedError(f"{path}: damaged, it is not YAML ({one_line(error)})") from None


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value
