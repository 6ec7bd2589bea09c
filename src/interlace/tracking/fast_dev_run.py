"""`trainer.fast_dev_run`: a few batches of training, validation and test in a temporary directory."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlace.configuration.compose import compose_node
from interlace.errors import UserError
from interlace.tasks import ranks

_folders: list[tempfile.TemporaryDirectory[str]] = []  # removed when this process ends


def brief_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with `fast_dev_run` batches of each split and as many updates.

    Loggers and early stopping are off, as in Lightning. Models without training steps are fitted on all data.
    """
    batches = int(config["trainer"]["fast_dev_run"])
    limits = {f"limit_{split}_batches": batches for split in ("train", "val", "test")}
    brief = {"max_epochs": 1, "max_steps": batches, "check_val_every_n_epoch": 1, "log_every_n_steps": 1}
    usual = {"fast_dev_run": False, "steps_per_epoch": None, "min_steps_per_epoch": None, "overfit_batches": 0}
    return {
        **config,
        "trainer": {**config["trainer"], **limits, **brief, **usual},
        "early_stopping": {"patience": None},
        "logger": compose_node("logger", "none"),
    }


def temporary_outputs() -> Path:
    """A new folder for outputs, which is removed with its content when this process ends."""
    if ranks.are_given():
        raise UserError(
            "trainer.fast_dev_run: processes of a launcher cannot share a temporary folder; start it without a launcher"
        )
    _folders.append(tempfile.TemporaryDirectory(prefix="interlace-fast-dev-run-"))
    return Path(_folders[-1].name)
