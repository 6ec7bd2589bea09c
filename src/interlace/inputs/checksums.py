"""files.json: checksums of a finished run's files, by which a later change or loss is detected."""

import json
import os
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from interlace.configuration.locations import outputs_dir
from interlace.configuration.plugins import command_line
from interlace.errors import UserError
from interlace.inputs.hashing import hash_files
from interlace.reading.documents import read_json, read_yaml

CHECKSUMS_FILE = "files.json"
EXPORTED = "export.json"  # in a folder that `interlace export` wrote, in place of a run's directory
MISSING, CHANGED = "is missing", "is not what the run wrote"
# Files that change after the end of a run, belong to other commands, or are checked where they are read.
EXCLUDED = (CHECKSUMS_FILE, "status.json", "train.log", "analysis.json", "calibration.json")
FOLDERS = ("examples",)
CHECKPOINTS = "checkpoints/"


def write_checksums(directory: Path, checkpoint: str) -> None:
    """Writes files.json, which marks the run as finished.

    `checkpoint`: the file or folder with the weights that the metrics belong to, relative to the directory.
    """
    names = [path.name for path in directory.iterdir() if path.name not in EXCLUDED and path.suffix != ".lock"]
    names = [name for name in names if not name.startswith(".") and (directory / name).is_file()]
    below = [path for folder in FOLDERS for path in (directory / folder).rglob("*") if path.is_file()]
    weights = directory / checkpoint
    below += [weights] if weights.is_file() else [p for p in weights.rglob("*") if p.is_file() and p.suffix != ".ckpt"]
    names += [path.relative_to(directory).as_posix() for path in below]
    found = hash_files(directory / name for name in sorted(names))
    files = {os.path.relpath(path, os.path.abspath(directory)): digest for path, digest in found.items()}
    handle, temporary = tempfile.mkstemp(prefix=f".{CHECKSUMS_FILE}.", dir=directory)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(files, stream, indent=1)
    os.chmod(temporary, 0o644)
    os.replace(temporary, directory / CHECKSUMS_FILE)


def discard_checksums(directory: Path) -> list[str]:
    """Deletes files.json before a run is resumed or trained again; returns a sentence for each damaged file."""
    found = [f"{directory / name}: {what}" for name, what in damaged_files(directory).items()]
    (directory / CHECKSUMS_FILE).unlink(missing_ok=True)
    return found


def recorded_checksums(directory: Path) -> Mapping[str, str] | None:
    """Content hash by file name; None if there is no readable files.json."""
    content = _read(directory / CHECKSUMS_FILE, read_json)
    return content if isinstance(content, dict) and "results.json" in content else None


def damaged_files(directory: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """The missing and changed files of a finished run with the fault of each; empty for a run without files.json.

    `names` None: all files except checkpoints, which may be deleted to save space; the metrics do not need them.
    """
    content = recorded_checksums(directory)
    if content is None:
        return {}
    wanted = [name for name in content if not name.startswith(CHECKPOINTS)] if names is None else list(names)
    now = hash_files(directory / name for name in wanted)
    found = {}
    for name in wanted:
        digest = now[os.path.abspath(directory / name)]
        if digest != content.get(name, digest):
            found[name] = MISSING if digest is None else CHANGED
    return found


def verified_path(directory: Path, name: str) -> Path:
    """The path of a run's file. Raises UserError, with the command that repairs it, if it is missing or changed."""
    for what in damaged_files(directory, [name]).values():
        raise UserError(
            f"{directory / name}: {what}; {repair_hint(directory, refresh=name.startswith('checkpoints/'))}"
        )
    return directory / name


def verify_files(directory: Path) -> None:
    """Raises UserError for the first missing or changed file of a finished run, checkpoints excepted."""
    for name in damaged_files(directory):
        verified_path(directory, name)


def verify_checkpoints(directory: Path) -> None:
    """Raises UserError for the first missing or changed checkpoint file of a finished run."""
    for name in recorded_checksums(directory) or {}:
        if name.startswith(CHECKPOINTS):
            verified_path(directory, name)


def read_verified_json(directory: Path, name: str) -> Any:
    """Reads a JSON file of a run, also of a run without files.json."""
    path = verified_path(directory, name)
    try:
        return read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: {MISSING}; {repair_hint(directory)}") from None
    except (OSError, ValueError, UserError):
        raise UserError(f"{path}: cannot be read; {repair_hint(directory)}") from None


def repair_hint(directory: Path, *, refresh: bool = False) -> str:
    """A clause that tells how to repair a run, with its outputs folder if that is not the current one."""
    if (directory / EXPORTED).is_file():
        return "copy the export again from where it was made"
    content = _read(directory / "overrides.yaml", lambda path: read_yaml(path, yaml.safe_load))
    known = isinstance(content, list) and all(isinstance(override, str) for override in content)
    option = " --refresh" if refresh else ""
    if not known:
        return f"repair it with the `interlace train` command that made the run{', with --refresh' if refresh else ''}"
    command = f"{command_line(['train', *content])}{option}"
    parents = directory.resolve().parents
    if not directory.resolve().name.startswith("seed-") or len(parents) < 3:
        return f"copy the run again from where it was made, or train it again with `{command}`"
    here = parents[2] == outputs_dir().resolve()
    return f"repair it with `{'' if here else f'INTERLACE_OUTPUTS={shlex.quote(str(parents[2]))} '}{command}`"


def _read(path: Path, parse: Any) -> Any:
    try:
        return parse(path)
    except (OSError, ValueError, UserError, yaml.YAMLError):
        return None
