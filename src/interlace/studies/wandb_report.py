"""Logging of a study's report to W&B, as a run next to those of its arms."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from interlace.configuration.checking import resolve_target
from interlace.tracking.wandb_logger import WandbRunLogger


def log_report(study: str, folder: Path, directory: Path, logger: Mapping[str, Any]) -> None:
    """Logs results.csv as a table, the figures and the page of a report, when the study's logger is W&B; W&B's
    files are below `directory`.

    An error is reported once and ignored, as all results are in the report folder.
    """
    if resolve_target("logger", logger) is not WandbRunLogger:
        return
    run_logger = WandbRunLogger(**{key: value for key, value in logger.items() if key != "_target_"})
    run = run_logger.start(
        directory,
        group=study,
        name=f"{study}-report",
        job_type="report",
        id=hashlib.sha256(f"{study}/report".encode()).hexdigest()[:16],
        tags=[study, "report"],
    )
    if run is not None:
        run_logger.attempt(lambda: _log(run, folder))
        run_logger.close({}, folder, 0)


def _log(run: Any, folder: Path) -> None:
    import wandb

    logged: dict[str, Any] = {"comparison": wandb.Table(dataframe=pd.read_csv(folder / "results.csv"))}
    logged |= {f"figures/{path.stem}": wandb.Image(str(path)) for path in sorted((folder / "figures").glob("*.png"))}
    run.log(logged)
    run.save(str(folder / "index.html"), base_path=str(folder), policy="now")
