"""Logger for Weights & Biases.

Offline unless an API key is set. Errors never stop or delay a run: with an unreachable or slow server the logger goes
offline with one warning, an error while logging is reported once, and the upload at the end has a timeout. Incomplete
uploads are reported with the command that completes them.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from interlace.errors import one_line
from interlace.tracking import wandb_lineage
from interlace.tracking.files import read_yaml
from interlace.tracking.identity import code_hash_of, config_hash, seed_name
from interlace.tracking.metrics_file import read_metrics
from interlace.tracking.run_loggers import RunLogger
from interlace.tracking.wandb_client import (
    log,
    log_artifacts_without_asking,
    mark,
    missing_on_server,
    quiet,
    quietly,
    segments,
    service_killed_after,
    transaction_log,
    within_limits,
)
from interlace.tracking.wandb_records import rows_and_end
from interlace.tracking.wandb_trial import in_sweep

GRACE = 3.0  # seconds beyond `finish_timeout`, in which the client keeps it by itself if it can
# Kinds of media in an example.
MEDIA = ("text", "image", "video", "audio")


class WandbRunLogger(RunLogger):
    """One W&B run per run directory, in the group <study>/<arm>-<hash>, whose seeds W&B's user interface averages."""

    # True once this process has started a W&B run.
    started: ClassVar[bool] = False

    def __init__(
        self,
        *,
        project: str,
        entity: str | None,
        mode: Literal["auto", "online", "offline"],
        log_media: bool,
        start_timeout: Annotated[float, Field(gt=0)],
        finish_timeout: Annotated[float, Field(gt=0)],
        log_lineage: bool = True,
    ) -> None:
        self.project = project
        self.entity = entity
        self.mode = mode
        self.log_media = log_media
        self.start_timeout = start_timeout
        self.finish_timeout = finish_timeout
        self.log_lineage = log_lineage
        self.run: Any = None
        self._rows: _WandbLog | None = None

    def open(self, config: Mapping[str, Any], directory: Path) -> list[Logger]:
        """Start or resume the W&B run: offline when the server cannot be reached, without W&B when that fails too.

        The history of a resumed run is continued: rows of metrics.jsonl that W&B lacks are added, and rows that
        training repeats are skipped.
        """
        manifest = directory / "manifest.json"
        git = json.loads(manifest.read_text()).get("git") if manifest.exists() else None
        # In a sweep the agent sets the id.
        name = None if in_sweep() else run_id(config)
        earlier = segments(directory, name) if name else []
        run = self.start(
            directory,
            group=f"{config['study']}/{config['arm']}-{config_hash(config)}",
            name=f"{config['arm']}-{seed_name(config['seed'])}",
            job_type="train",
            id=name,
            tags=sorted({config["study"], *filter(None, _tags(config))}),
            config={
                **config,
                "config_hash": config_hash(config),
                "code": code_hash_of(config),
                "git": git,
                "run_dir": directory.name,
            },
        )
        if run is None:
            return []
        self._rows = _WandbLog(run)
        quietly(lambda: self._catch_up(directory, earlier))
        if self.log_lineage and manifest.exists():
            quietly(lambda: self._use_inputs(config, directory))
        return [self._rows]

    def _catch_up(self, directory: Path, earlier: list[Path]) -> None:
        """Make the rows of W&B's history those of metrics.jsonl: missing rows are added, surplus rows skipped later."""
        assert self._rows is not None
        logged, ended = self.run.starting_step, "num_parameters" in self.run.summary.keys()  # noqa: SIM118
        if self.run.offline:
            found = [rows_and_end(transaction_log(path)) for path in earlier]
            logged, ended = sum(rows for rows, _ in found), any(end for _, end in found)
        rows = read_metrics(directory / "metrics.jsonl")
        if ended and not rows:  # a finished run that is repeated (`--refresh`): its new history follows the old one
            return
        for row in rows[logged:]:
            known = {key: value for key, value in row.items() if key not in ("step", "time") and value is not None}
            self._rows.log_metrics(known, row["step"])
        self._rows.skip = max(0, logged - len(rows))

    def _use_inputs(self, config: Mapping[str, Any], directory: Path) -> None:
        for artifact in wandb_lineage.inputs(config, directory):
            self.run._log_artifact(artifact, is_user_created=True, use_after_commit=True)

    def start(self, directory: Path, **fields: Any) -> Any:
        """Start a W&B run with these fields of `wandb.init`, with files below `directory`; None when that fails."""
        import wandb

        quiet()
        directory.mkdir(parents=True, exist_ok=True)
        online = self.mode == "online" or (self.mode == "auto" and bool(os.environ.get("WANDB_API_KEY")))
        # Twice offline: the service of the client was seen to refuse its first connection on a busy machine (0.31.0).
        attempts = (*(["online"] if online else []), "offline", "offline")
        for attempt, mode in enumerate(attempts, start=1):
            try:
                self.run = wandb.init(
                    project=self.project,
                    entity=self.entity,
                    mode=cast(Literal["online", "offline"], mode),
                    dir=str(directory),
                    resume="allow",
                    reinit="finish_previous",
                    settings=wandb.Settings(
                        init_timeout=self.start_timeout,
                        finish_timeout=self.finish_timeout,
                        finish_timeout_raises=True,
                    ),
                    **within_limits(fields),
                )
                WandbRunLogger.started = True
                log_artifacts_without_asking(self.run)
                return self.run
            except Exception as error:  # an error of the client must not stop the run
                if mode == "online" or attempt == len(attempts):
                    reason = one_line(error) + (f": {one_line(error.__cause__)}" if error.__cause__ else "")
                    log.warning("W&B did not start %s (%s); %s", mode, reason, _later(directory))
                quietly(wandb.teardown)  # otherwise its service keeps the run's id
        return None

    def attempt(self, action: Callable[[], object]) -> None:
        """Call `action`; an error is logged in one line."""
        quietly(action)

    def close(self, results: Mapping[str, Any], directory: Path, exit_code: int) -> None:
        """Log summary, examples and artifacts, then finish; `interlace sync` uploads what is not uploaded in time."""
        if self.run is None:
            return
        quietly(lambda: self.run.summary.update({k: v for k, v in _flat(results).items() if v is not None}))
        logged = self._rows is not None and self._rows.skip > 0  # W&B has the row of the examples already
        if self.log_media and results and not logged:
            quietly(lambda: self._log_media(directory))
        if self.log_lineage and "checkpoint" in results:
            quietly(lambda: self._log_outputs(directory, str(results["checkpoint"])))
        self._finish(directory, exit_code)

    def _log_outputs(self, directory: Path, checkpoint: str) -> None:
        for artifact in wandb_lineage.outputs(read_yaml(directory / "config.yaml"), directory, checkpoint):
            self.run.log_artifact(artifact)

    def _finish(self, directory: Path, exit_code: int) -> None:
        """Finish the W&B run; mark an online one as uploaded when the server has it all, else log how to upload it."""
        run = self.run
        online, segment = not run.offline, Path(run.dir).parent
        try:
            with service_killed_after(self.finish_timeout + GRACE):
                rows = max(run.step, run.starting_step)
                run.finish(exit_code=exit_code)
            if not online:
                return
            missing = missing_on_server(f"{run.entity}/{run.project}/{run.id}", rows, self.start_timeout)
        except Exception as error:
            missing = one_line(error)
        if missing is None:
            quietly(mark(segment).touch)
        else:
            log.warning("W&B: the upload is not complete (%s); %s", missing, _later(directory))

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
    """The id of a run in W&B, the same each time the run is started, so that W&B resumes it."""
    text = f"{config['study']}/{config['arm']}-{config_hash(config)}/{seed_name(config['seed'])}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _WandbLog(Logger):
    """Logs metrics to a started W&B run; the first error is reported and ends the logging."""

    def __init__(self, run: Any) -> None:
        super().__init__()
        self.run = run
        self.broken = False
        self.skip = 0
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
        """Log a row of the history; the step is an ordinary column, as W&B drops rows whose own step decreases.

        The first `skip` rows are in W&B already.
        """
        if self.skip:
            self.skip -= 1
        elif not self.broken:
            self.broken = not quietly(lambda: self.run.log({**metrics, "step": step}))

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing, as `start` has logged the configuration."""


def _later(directory: Path) -> str:
    return f"all results are in the run directory; `interlace sync {directory}` uploads them later"


def _tags(config: Mapping[str, Any]) -> list[str]:
    fixed = [str(config["choices"].get("fusion")), str(config["choices"].get("data"))]
    return [*fixed, *(config["modalities"] or []), *config["tags"]]


def _flat(results: Mapping[str, Any]) -> dict[str, Any]:
    metrics = dict(results.get("metrics", {}))
    rest = {k: v for k, v in results.items() if isinstance(v, int | float)}
    return metrics | rest


def _media(wandb: Any, kind: str, value: Any) -> Any:
    if value is None or kind == "text":
        return value
    return wandb.Audio(str(value)) if kind == "audio" else wandb.Image(str(value))  # a video as its first frame
