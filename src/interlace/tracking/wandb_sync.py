"""Upload of W&B runs: offline ones, and online ones whose upload failed or was interrupted."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.configuration.checking import resolve_target
from interlace.configuration.targets import check_recorded
from interlace.errors import UserError
from interlace.inputs.checksums import read_verified_json, repair_hint, verified_path
from interlace.tracking.files import read_yaml
from interlace.tracking.lock import RunLock
from interlace.tracking.status import read_status
from interlace.tracking.wandb_client import is_uploaded, mark, quiet, run_on_server
from interlace.tracking.wandb_logger import WandbRunLogger, run_id


@dataclass(frozen=True)
class Unsynced:
    """A W&B run below `directory` with the client's folders of it, oldest first."""

    directory: Path
    name: str
    segments: tuple[Path, ...]

    @property
    def is_training(self) -> bool:
        """True where it logs the training of this run directory, whose files can then be uploaded instead."""
        config = self.directory / "config.yaml"
        return config.is_file() and (self.directory / "metrics.jsonl").is_file() and self.name == _trained(config)


def unsynced(root: Path) -> list[Unsynced]:
    """W&B runs below `root` with segments not marked as uploaded, without runs that are running now."""
    parts: dict[tuple[Path, str], list[Path]] = {}
    folders = [path for path in root.rglob("*run-*-*") if path.parent.name == "wandb" and path.is_dir()]
    for path in sorted(folders, key=lambda each: each.name.removeprefix("offline-")):
        if not path.is_symlink():
            parts.setdefault((path.parent.parent, path.name.rsplit("-", 1)[-1]), []).append(path)
    runs = [Unsynced(directory, name, tuple(found)) for (directory, name), found in sorted(parts.items())]
    return [
        run
        for run in runs
        if not all(is_uploaded(path) for path in run.segments) and RunLock(run.directory).holder() is None
    ]


def upload(runs: Sequence[Unsynced]) -> dict[Unsynced, str]:
    """Upload the runs; return the reason for each that is not completely on the server afterwards."""
    quiet()
    return {run: reason for run in runs if (reason := _upload(run)) is not None}


def _upload(run: Unsynced) -> str | None:
    """Upload a run; return the reason of a failure, None on success.

    A run that the server does not have is uploaded by `wandb sync`, with system metrics. For a run that the server has
    in part, `wandb sync` would add its rows again, so that it is completed from the run directory.
    """
    try:
        found = run_on_server(_path(run)) if run.is_training else None
    except UserError as error:
        return str(error)
    except Exception as error:
        return f"the server did not answer ({type(error).__name__}: {str(error).splitlines()[0]})"
    if found is None:
        return _replay(run)
    try:
        return _complete(run)
    except UserError as error:
        return str(error)


def _replay(run: Unsynced) -> str | None:
    left = [path for path in run.segments if not is_uploaded(path)]
    command = [sys.executable, "-m", "wandb", "sync", "--yes", "--include-online"]
    done = subprocess.run([*command, *map(str, left)], check=False, capture_output=True, text=True)
    missing = [path.name for path in left if not is_uploaded(path)]
    if done.returncode or missing:
        lines = (done.stderr or done.stdout).strip().splitlines()
        return f"wandb sync ended with {done.returncode}: {lines[-1] if lines else ', '.join(missing)}"
    return None


def _complete(run: Unsynced) -> str | None:
    """Complete a run on the server from the run directory, with a new logger."""
    config = _config(run.directory)
    run_logger = _run_logger(run)
    run_logger.mode = "online"
    results = run.directory / "results.json"
    metrics = read_verified_json(run.directory, results.name) if results.is_file() else {}
    status = read_status(run.directory)["status"]
    run_logger.open(config, run.directory)
    if run_logger.run is None or run_logger.run.offline:
        run_logger.close({}, run.directory, 1)
        return "the server could not be reached"
    segment = Path(run_logger.run.dir).parent
    run_logger.close(metrics, run.directory, 0 if status == "done" else 1)
    if not is_uploaded(segment):
        return "the server does not have the complete run"
    for path in run.segments:
        mark(path).touch()
    return None


def _run_logger(run: Unsynced) -> WandbRunLogger:
    logger = _config(run.directory)["logger"]
    if resolve_target("logger", logger) is not WandbRunLogger:
        raise UserError(f"{run.directory}: its logger is not wandb; train it with logger=wandb")
    return WandbRunLogger(**{key: value for key, value in logger.items() if key != "_target_"})


def _path(run: Unsynced) -> str:
    import wandb

    run_logger = _run_logger(run)
    entity = run_logger.entity or os.environ.get("WANDB_ENTITY") or wandb.Api().default_entity
    return f"{entity}/{run_logger.project}/{run.name}"


def _trained(config: Path) -> str:
    return run_id(_config(config.parent))


def _config(directory: Path) -> dict[str, Any]:
    try:
        content = read_yaml(verified_path(directory, "config.yaml"))
        if isinstance(content, dict) and {"logger", "study", "arm", "seed"} <= set(content):
            return dict(check_recorded(directory / "config.yaml", content))
    except UserError:
        raise
    except Exception:  # damaged YAML ends in errors of several libraries
        pass
    raise UserError(f"{directory / 'config.yaml'}: cannot be read; {repair_hint(directory)}")
