"""Trials of W&B sweeps: the server's run of a trial must end also where training does not start."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SWEEP = "WANDB_SWEEP_ID"  # set by a sweep's agent for the processes that it starts


class Trial:
    """Reports to the server a trial whose run was finished before, or failed before its logger started.

    Does nothing outside of a sweep.
    """

    def repeat(self, config: Mapping[str, Any], directory: Path) -> None:
        """Log history and metrics of a run that was finished before as those of this trial."""
        if not in_sweep():
            return
        from interlace.configuration.checking import resolve_target
        from interlace.tracking.files import read_json
        from interlace.tracking.wandb_logger import WandbRunLogger

        logger = config["logger"]
        if resolve_target("logger", logger) is WandbRunLogger:
            run_logger = WandbRunLogger(**{key: value for key, value in logger.items() if key != "_target_"})
            run_logger.open(config, directory)
            run_logger.close(read_json(directory / "results.json"), directory, 0)

    def fail(self) -> None:
        """Mark a trial as failed that ended before its logger started, such as one with an invalid value."""
        import wandb

        from interlace.tracking.wandb_client import quietly
        from interlace.tracking.wandb_logger import WandbRunLogger

        def finish() -> None:
            if wandb.run is None and not WandbRunLogger.started:
                wandb.init(resume="allow", settings=wandb.Settings(init_timeout=30, finish_timeout=30)).finish(1)

        quietly(finish)


def in_sweep() -> bool:
    """True where the agent of a W&B sweep has started this process."""
    return bool(os.environ.get(SWEEP))


@contextlib.contextmanager
def report_trial() -> Iterator[Trial]:
    """Report an error within the context to the server of a W&B sweep."""
    trial = Trial()
    try:
        yield trial
    except Exception:
        if in_sweep():
            trial.fail()
        raise
