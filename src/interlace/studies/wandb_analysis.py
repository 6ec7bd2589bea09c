"""Logging of an analysis to W&B, as a run next to that of the analyzed run."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlace.analysis.numbers import numbers
from interlace.configuration.checking import resolve_target
from interlace.runs import Run
from interlace.tracking.identity import config_hash, seed_name
from interlace.tracking.wandb_logger import WandbRunLogger, run_id


def log_analysis(run: Run, content: Mapping[str, Any], figures: Path) -> None:
    """Logs figures and numbers of an analysis when the run's logger is W&B.

    They are a W&B run of their own: resuming the analyzed run offline would overwrite its history. An error is
    reported once and ignored, as all results are in the run directory.
    """
    logger = run.config["logger"]
    if resolve_target("logger", logger) is not WandbRunLogger:
        return
    run_logger = WandbRunLogger(**{key: value for key, value in logger.items() if key != "_target_"})
    name = f"{run.config['arm']}-{seed_name(run.config['seed'])}-analysis"
    started = run_logger.start(
        run.directory,
        group=f"{run.config['study']}/{run.config['arm']}-{config_hash(run.config)}",
        name=name,
        job_type="analysis",
        id=hashlib.sha256(f"{run_id(run.config)}/analysis".encode()).hexdigest()[:16],
        tags=[str(run.config["study"]), "analysis"],
        config={"analysis": content["settings"], "run": run_id(run.config)},
    )
    if started is not None:
        run_logger.attempt(lambda: _log(started, content, figures))
        run_logger.close({"metrics": numbers(content)}, run.directory, 0)


def _log(started: Any, content: Mapping[str, Any], figures: Path) -> None:
    import wandb

    table = wandb.Table(columns=["figure", "value"], data=[[name, value] for name, value in numbers(content).items()])
    images = {f"analysis/{path.stem}": wandb.Image(str(path)) for path in sorted(figures.glob("*.png"))}
    started.log({"analysis/figures": table, **images})
