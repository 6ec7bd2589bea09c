"""Weights & Biases as a mirror of the run directory.

Offline unless a key is present. Nothing here may fail or stall a run: a server that is absent or slow turns the mirror
offline with one warning, an error while logging is said once, and uploads at the end are waited for a stated time.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import Field
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from interlace.tracking.identity import code_hash, config_hash, seed_name
from interlace.tracking.mirrors import Mirror

# Kinds of what an example shows.
MEDIA = ("text", "image", "video", "audio")
log = logging.getLogger("interlace")

# Set before wandb starts its service. The 1 s flush: the default of 15 s loses everything younger to a kill.
QUIET = {
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "1",
    "WANDB_X_SAVE_REQUIREMENTS": "false",
    "WANDB_DISABLE_GIT": "true",
}


class WandbMirror(Mirror):
    """One W&B run per run directory: group = <study>/<arm>-<hash>, so that its seeds average in the user interface."""

    def __init__(
        self,
        *,
        project: str,
        entity: str | None,
        mode: Literal["auto", "online", "offline"],
        log_media: bool,
        start_timeout: Annotated[float, Field(gt=0)],
        finish_timeout: Annotated[float, Field(gt=0)],
    ) -> None:
        self.project = project
        self.entity = entity
        self.mode = mode
        self.log_media = log_media
        self.start_timeout = start_timeout
        self.finish_timeout = finish_timeout
        self.run: Any = None

    def open(self, config: Mapping[str, Any], directory: Path) -> list[Logger]:
        """Starts the W&B run; offline when the server cannot be reached, no mirror at all when even that fails."""
        manifest = directory / "manifest.json"
        git = json.loads(manifest.read_text()).get("git") if manifest.exists() else None
        seed = seed_name(config["seed"])
        run = self.start(
            directory,
            group=f"{config['study']}/{config['arm']}-{config_hash(config)}",
            name=f"{config['arm']}-{seed}",
            job_type="train",
            # Inside a sweep the agent owns the id.
            id=None if os.environ.get("WANDB_SWEEP_ID") else run_id(config),
            tags=sorted({config["study"][:64], *filter(None, _tags(config))}),
            config={
                **config,
                "config_hash": config_hash(config),
                "code": code_hash(),
                "git": git,
                "run_dir": directory.name,
            },
        )
        return [] if run is None else [_WandbLog(run)]

    def start(self, directory: Path, **fields: Any) -> Any:
        """A W&B run with these fields of `wandb.init`, kept below `directory`; None when none could be started."""
        import wandb

        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        directory.mkdir(parents=True, exist_ok=True)
        online = self.mode == "online" or (self.mode == "auto" and bool(os.environ.get("WANDB_API_KEY")))
        for mode in ("online", "offline") if online else ("offline",):
            try:
                self.run = wandb.init(
                    project=self.project,
                    entity=self.entity,
                    mode=cast(Literal["online", "offline"], mode),
                    dir=str(directory),
                    resume="allow",
                    reinit="finish_previous",
                    settings=wandb.Settings(init_timeout=self.start_timeout, finish_timeout=self.finish_timeout),
                    **fields,
                )
                return self.run
            except Exception as error:  # whatever the client raises, the run goes on
                log.warning("W&B did not start %s (%s); the run directory holds everything", mode, _line(error))
                _quietly(wandb.teardown)  # else its service holds on to the run's id
        return None

    def attempt(self, action: Callable[[], object]) -> None:
        """Calls `action`; whatever it raises is said in one line."""
        _quietly(action)

    def close(self, results: Mapping[str, Any], directory: Path, exit_code: int) -> None:
        """Summary, examples and tables, then finish; what is not uploaded in time stays for `interlace sync`."""
        if self.run is None:
            return
        _quietly(lambda: self.run.summary.update({k: v for k, v in _flat(results).items() if v is not None}))
        if self.log_media and results:
            _quietly(lambda: self._log_media(directory))
        _quietly(lambda: self.run.finish(exit_code=exit_code))

    def _log_media(self, directory: Path) -> None:
        import wandb

        path = directory / "examples" / "examples.json"
        if not path.exists():
            return
        examples = json.loads(path.read_text())
        columns = [
            "id",
            "label",
            *sorted({f"{kind}/{n}" for e in examples for kind in MEDIA for n in e.get(kind, {})}),
        ]
        table = wandb.Table(columns=list(columns))
        for example in examples:
            row: list[Any] = [example["id"], str(example["label"])]
            for kind, name in (column.split("/", 1) for column in columns[2:]):
                value = example.get(kind, {}).get(name)
                row.append(_media(wandb, kind, directory / value if value and kind != "text" else value))
            table.add_data(*row)
        self.run.log({"examples": table})


def run_id(config: Mapping[str, Any]) -> str:
    """A short id that is the same whenever the same run is started again, so that W&B resumes it."""
    text = f"{config['study']}/{config['arm']}-{config_hash(config)}/{seed_name(config['seed'])}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _WandbLog(Logger):
    """Passes figures on to a started W&B run; the first failure is said once and ends the mirror."""

    def __init__(self, run: Any) -> None:
        super().__init__()
        self.run = run
        self.broken = False
        run.define_metric("step")
        run.define_metric("*", step_metric="step")

    @property
    def name(self) -> str:
        """The W&B project."""
        return str(self.run.project)

    @property
    def version(self) -> str:
        """The W&B run id."""
        return str(self.run.id)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """One history row; the step is an ordinary column, because W&B drops rows whose own step goes back."""
        if not self.broken:
            self.broken = not _quietly(lambda: self.run.log({**metrics, "step": step}))

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the configuration is given at the start."""


def _quietly(action: Callable[[], object]) -> bool:
    try:
        action()
        return True
    except Exception as error:
        log.warning("W&B: %s; the run directory holds everything", _line(error))
        return False


def _tags(config: Mapping[str, Any]) -> list[str]:
    fixed = [str(config["choices"].get("fusion")), str(config["choices"].get("data"))]
    return [tag[:64] for tag in [*fixed, *(config["modalities"] or []), *config["tags"]]]


def _flat(results: Mapping[str, Any]) -> dict[str, Any]:
    metrics = dict(results.get("metrics", {}))
    rest = {k: v for k, v in results.items() if isinstance(v, int | float)}
    return metrics | rest


def _media(wandb: Any, kind: str, value: Any) -> Any:
    if value is None or kind == "text":
        return value
    return wandb.Audio(str(value)) if kind == "audio" else wandb.Image(str(value))  # of a video, its first frame


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
