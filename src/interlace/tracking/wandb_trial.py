"""The run that a sweep's server has made for a trial before it starts: it always comes to an end there."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SWEEP = "WANDB_SWEEP_ID"  # set by a sweep's agent for the processes that it starts


class Trial:
    """Says to the server what training does not say: that a run was finished before, or that none began.

    Outside of a sweep it says nothing.
    """

    def repeat(self, config: Mapping[str, Any], directory: Path) -> None:
        """A run that was finished before: this trial gets its history and its metrics, without training."""
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
        """A trial that ended before its logger began, such as one with a bad value."""
        import wandb

        from interlace.tracking.wandb_client import quietly
        from interlace.tracking.wandb_logger import WandbRunLogger

        def finish() -> None:
            if wandb.run is None and not WandbRunLogger.started:
                wandb.init(resume="allow", settings=wandb.Settings(init_timeout=30, finish_timeout=30)).finish(1)

        quietly(finish)


def in_sweep() -> bool:
    """Return whether a sweep's agent has started this process."""
    return bool(os.environ.get(SWEEP))


@contextlib.contextmanager
def report_trial() -> Iterator[Trial]:
    """Within it a trial of a sweep may fail: the server then knows."""
    trial = Trial()
    try:
        yield trial
    except Exception:
        if in_sweep():
            trial.fail()
        raise
