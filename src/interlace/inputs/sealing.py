"""files.json: what the files of a finished run hold, so that it can be told whether they are as the run wrote them."""

import json
import os
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from interlace.configuration.locations import outputs_dir
from interlace.errors import UserError
from interlace.inputs.hashing import hash_files
from interlace.reading.documents import read_json, read_yaml

SEAL = "files.json"
GONE, CHANGED = "is gone", "is not what the run wrote"
# What goes on changing after the end, belongs to others, or is read with checks of its own.
NOT_SEALED = (SEAL, "status.json", "train.log", "analysis.json")
FOLDERS = ("examples",)
CHECKPOINTS = "checkpoints/"


def seal(directory: Path, checkpoint: str) -> None:
    """Writes files.json, which makes the run a finished one. `checkpoint`: the file or folder that its figures are of,
    relative to the directory."""
    names = [path.name for path in directory.iterdir() if path.name not in NOT_SEALED and path.suffix != ".lock"]
    names = [name for name in names if not name.startswith(".") and (directory / name).is_file()]
    below = [path for folder in FOLDERS for path in (directory / folder).rglob("*") if path.is_file()]
    weights = directory / checkpoint
    below += [weights] if weights.is_file() else [p for p in weights.rglob("*") if p.is_file() and p.suffix != ".ckpt"]
    names += [path.relative_to(directory).as_posix() for path in below]
    found = hash_files(directory / name for name in sorted(names))
    files = {os.path.relpath(path, os.path.abspath(directory)): digest for path, digest in found.items()}
    handle, temporary = tempfile.mkstemp(prefix=f".{SEAL}.", dir=directory)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(files, stream, indent=1)
    os.chmod(temporary, 0o644)
    os.replace(temporary, directory / SEAL)


def break_seal(directory: Path) -> list[str]:
    """Before a run goes on, or is made anew; says what was wrong with its files."""
    found = [f"{directory / name}: {what}" for name, what in damaged(directory).items()]
    (directory / SEAL).unlink(missing_ok=True)
    return found


def sealed(directory: Path) -> Mapping[str, str] | None:
    """Content hash by name; None where there is no files.json that can be read."""
    content = _read(directory / SEAL, read_json)
    return content if isinstance(content, dict) and "results.json" in content else None


def damaged(directory: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """What is wrong with a finished run's files, by name; of a run that has no files.json nothing is known.

    `names` None: all but its checkpoints, which may be deleted to save room: figures are figures without them.
    """
    content = sealed(directory)
    if content is None:
        return {}
    wanted = [name for name in content if not name.startswith(CHECKPOINTS)] if names is None else list(names)
    now = hash_files(directory / name for name in wanted)
    found = {}
    for name in wanted:
        digest = now[os.path.abspath(directory / name)]
        if digest != content.get(name, digest):
            found[name] = GONE if digest is None else CHANGED
    return found


def whole(directory: Path, name: str) -> Path:
    """A file of a run, to be read; UserError, with the command that mends it, when it is not what the run wrote."""
    for what in damaged(directory, [name]).values():
        raise UserError(f"{directory / name}: {what}; {remedy(directory, anew=name.startswith('checkpoints/'))}")
    return directory / name


def check_whole(directory: Path) -> None:
    """UserError for the first file, checkpoints aside, of a finished run that is not what the run wrote."""
    for name in damaged(directory):
        whole(directory, name)


def check_checkpoints(directory: Path) -> None:
    """UserError for the first file among those that hold a finished run's weights that is not what the run wrote."""
    for name in sealed(directory) or {}:
        if name.startswith(CHECKPOINTS):
            whole(directory, name)


def whole_json(directory: Path, name: str) -> Any:
    """A JSON file of a run, also of one without files.json."""
    path = whole(directory, name)
    try:
        return read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: {GONE}; {remedy(directory)}") from None
    except (OSError, ValueError, UserError):
        raise UserError(f"{path}: cannot be read; {remedy(directory)}") from None


def remedy(directory: Path, *, anew: bool = False) -> str:
    """The command that makes a run whole: where it stands, which may be in another outputs folder than this one's."""
    content = _read(directory / "overrides.yaml", lambda path: read_yaml(path, yaml.safe_load))
    known = isinstance(content, list) and all(isinstance(each, str) for each in content)
    how = " --refresh" if anew else ""
    if not known:
        return f"mend it by the `interlace train` command that made the run{', with --refresh' if anew else ''}"
    command = f"{shlex.join(['interlace', 'train', *content])}{how}"
    parents = directory.resolve().parents
    if not directory.resolve().name.startswith("seed-") or len(parents) < 3:
        return f"copy the run again from where it was made, or make it anew by `{command}`"
    here = parents[2] == outputs_dir().resolve()
    return f"mend it by `{'' if here else f'INTERLACE_OUTPUTS={shlex.quote(str(parents[2]))} '}{command}`"


def _read(path: Path, parse: Any) -> Any:
    try:
        return parse(path)
    except (OSError, ValueError, UserError, yaml.YAMLError):
        return None
