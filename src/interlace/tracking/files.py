"""Files that are whole or absent."""

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

LEFTOVER = re.compile(r"\..+\.[a-z0-9_]{8}$")  # as mkstemp names what write_atomically writes


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary path beside `path`, then renames: a reader never sees half a file.

    Raises StorageError when the disk is full or closed; what lay at `path` before is then still there.
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
    """Removes the temporary files of writers that were killed; call it where nobody else can be writing."""
    for path in folder.glob(".*"):
        if LEFTOVER.match(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Adds a line to a file, whole or not at all. Raises StorageError when the disk is full or closed."""
    left = memoryview(f"{line}\n".encode())
    with naming(path), path.open("ab", buffering=0) as stream:
        size = stream.tell()
        try:
            while left:  # near the end of a disk a write may take a part
                left = left[stream.write(left) :]
        except OSError:
            stream.truncate(size)
            raise


def write_json(path: Path, value: Any) -> None:
    """Plain data as indented JSON, atomically. NaN and infinity become null, as JSON has neither."""
    text = json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


class DamagedError(UserError, ValueError):
    """A file of a run that is not what was written."""


def read_json(path: Path) -> Any:
    """The JSON document at `path`; DamagedError where it is none."""
    try:
        return documents.read_json(path)
    except UserError:
        raise
    except ValueError as error:
        raise DamagedError(f"{path}: damaged, it is not JSON ({one_line(error)})") from None


def write_yaml(path: Path, value: Any) -> None:
    """Plain data as YAML, atomically."""
    text = OmegaConf.to_yaml(OmegaConf.create(value))
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_yaml(path: Path) -> Any:
    """The YAML document at `path` as plain data; DamagedError where it is none."""
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
