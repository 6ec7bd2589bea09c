"""Continuing a finished run for more steps or epochs, in a new run: `trainer.continue_from`."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from interlace.configuration.schema import HARDWARE
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.tensors import load_tensors
from interlace.tracking.checkpoints import AtomicCheckpointIO
from interlace.tracking.files import read_yaml, write_atomically
from interlace.tracking.identity import NOT_IDENTITY
from interlace.tracking.recovery import BEST, LAST, is_whole
from interlace.tracking.status import is_done

# Options that may differ from those of the continued run; all others must be equal, so that the result is that of one
# uninterrupted run.
MAY_DIFFER = {
    "trainer.max_epochs",
    "trainer.max_steps",
    "trainer.continue_from",
    "trainer.log_every_n_steps",
    "checkpoint.every_n_train_steps",
    *(f"trainer.{key}" for key in HARDWARE),
}
SPLIT_SECTIONS = ("trainer", "checkpoint")  # some of whose options may differ
OTHER_SECTIONS = (NOT_IDENTITY - {"seed"}) | {"scheduler", *SPLIT_SECTIONS}


class Parent:
    """The finished run in `directory`, which a run with `config` continues.

    Raises UserError unless it is finished, has its last checkpoint, and differs in scheduler and MAY_DIFFER alone.
    """

    def __init__(self, directory: Path, config: Mapping[str, Any]) -> None:
        self.directory = directory
        self.checkpoints = directory / "checkpoints"
        self.last = self.checkpoints / LAST
        if not is_done(directory) or not (directory / "config.yaml").is_file():
            raise UserError(f"trainer.continue_from: {directory} is not a finished run; finish it: interlace train")
        if not self.last.is_file() or not is_whole(self.last):
            raise UserError(
                f"trainer.continue_from: {self.last} is missing or damaged; train that run again with --refresh"
            )
        for key, before, now in _differences(read_yaml(directory / "config.yaml"), config):
            raise UserError(
                f"trainer.continue_from: {key} is {now!r}, but was {before!r} in {directory}; only these may differ: "
                f"scheduler, {', '.join(sorted(MAY_DIFFER - {'trainer.continue_from'}))}"
            )

    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of last.ckpt."""
        note(self.last)
        with self.last.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16]

    def hand_over(self, directory: Path, checkpoints: Path, total_steps: int) -> None:
        """Copy metrics and checkpoints to a new run; last.ckpt is written last, with the mark "handed_over"."""
        content = load_tensors(self.last)
        done = content["global_step"]
        if done > total_steps:
            raise UserError(
                f"trainer.max_steps, trainer.max_epochs: they give {total_steps} updates, and {self.directory} has "
                f"made {done} already; raise them"
            )
        if "BestCheckpoint" not in content["callbacks"]:
            raise UserError(
                f"trainer.continue_from: {self.last} is of an older version of this program; train it again"
            )
        for source, target in (
            (self.directory / "metrics.jsonl", directory / "metrics.jsonl"),
            (self.checkpoints / BEST, checkpoints / BEST),
        ):
            if source.exists():
                write_atomically(target, partial(shutil.copyfile, source))
        content["interlace"]["handed_over"] = True
        AtomicCheckpointIO().save_checkpoint(content, checkpoints / LAST)


class NewSchedule(Callback):
    """Sets the learning rate of a continued run's first update by the schedule of the new run."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Set the rates after the state of the former run is loaded."""
        for config in trainer.lr_scheduler_configs:
            scheduler: Any = config.scheduler
            rates = [
                base * rule(scheduler.last_epoch)
                for base, rule in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
            ]
            for group, rate in zip(scheduler.optimizer.param_groups, rates, strict=True):
                group["lr"] = rate


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Key, former and new value of each option that differs although it must not."""
    pairs = [(key, before.get(key), now.get(key)) for key in now if key not in OTHER_SECTIONS]
    for section in SPLIT_SECTIONS:
        options = ((f"{section}.{key}", before[section].get(key), value) for key, value in now[section].items())
        pairs += [each for each in options if each[0] not in MAY_DIFFER]
    for key, old, new in pairs:
        if old != new:
            yield from _first(key, old, new)


def _first(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """The differing leaves below two values."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                yield from _first(f"{key}.{name}", old.get(name), new.get(name))
    else:
        yield key, old, new
