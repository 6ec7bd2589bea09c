"""A run that goes on where another ended, for longer: `trainer.continue_from`."""

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

# Options that may differ from those of the run that is continued; all others are equal, so that the result is that of
# one uninterrupted run.
MAY_DIFFER = {
    "trainer.max_epochs",
    "trainer.max_steps",
    "trainer.continue_from",
    "trainer.log_every_n_steps",
    "checkpoint.every_n_train_steps",
    *(f"trainer.{key}" for key in HARDWARE),
}
SPLIT_SECTIONS = ("trainer", "checkpoint")  # of which some options may differ
OTHER_SECTIONS = (NOT_IDENTITY - {"seed"}) | {"scheduler", *SPLIT_SECTIONS}


class Parent:
    """The finished run in `directory`, as the start of one with `config`.

    Raises UserError unless it is finished, has its last checkpoint, and differs in scheduler and MAY_DIFFER alone.
    """

    def __init__(self, directory: Path, config: Mapping[str, Any]) -> None:
        self.directory = directory
        self.checkpoints = directory / "checkpoints"
        self.last = self.checkpoints / LAST
        if not is_done(directory) or not (directory / "config.yaml").is_file():
            raise UserError(f"trainer.continue_from: {directory} is no finished run; finish it first: interlace train")
        if not self.last.is_file() or not is_whole(self.last):
            raise UserError(f"trainer.continue_from: {self.last} is gone or damaged; train that run anew (--refresh)")
        for key, before, now in _differences(read_yaml(directory / "config.yaml"), config):
            raise UserError(
                f"trainer.continue_from: {key} is {now!r}, and was {before!r} in {directory}; a run goes on with all "
                f"as it was but the scheduler and {', '.join(sorted(MAY_DIFFER - {'trainer.continue_from'}))}"
            )

    def hash(self) -> str:
        """sha256 of last.ckpt, first 16 hex digits."""
        note(self.last)
        with self.last.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16]

    def hand_over(self, directory: Path, checkpoints: Path, total_steps: int) -> None:
        """Rows and checkpoints for a run that has none yet; last.ckpt comes last and says that it was handed over."""
        content = load_tensors(self.last)
        done = content["global_step"]
        if done > total_steps:
            raise UserError(
                f"trainer.max_steps, trainer.max_epochs: they give {total_steps} updates, and {self.directory} has "
                f"made {done} already; raise them"
            )
        if "BestCheckpoint" not in content["callbacks"]:
            raise UserError(f"trainer.continue_from: {self.last} is of an older version of this program; train it anew")
        for source, target in (
            (self.directory / "metrics.jsonl", directory / "metrics.jsonl"),
            (self.checkpoints / BEST, checkpoints / BEST),
        ):
            if source.exists():
                write_atomically(target, partial(shutil.copyfile, source))
        content["interlace"]["handed_over"] = True
        AtomicCheckpointIO().save_checkpoint(content, checkpoints / LAST)


class NewSchedule(Callback):
    """Sets the learning rate of the first update of a run that goes on to what its own schedule says."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the state of the run before is loaded."""
        for config in trainer.lr_scheduler_configs:
            scheduler: Any = config.scheduler
            rates = [
                base * rule(scheduler.last_epoch)
                for base, rule in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
            ]
            for group, rate in zip(scheduler.optimizer.param_groups, rates, strict=True):
                group["lr"] = rate


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Key, value before and value now of what must be the same and is not."""
    pairs = [(key, before.get(key), now.get(key)) for key in now if key not in OTHER_SECTIONS]
    for section in SPLIT_SECTIONS:
        options = ((f"{section}.{key}", before[section].get(key), value) for key, value in now[section].items())
        pairs += [each for each in options if each[0] not in MAY_DIFFER]
    for key, old, new in pairs:
        if old != new:
            yield from _first(key, old, new)


def _first(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """The first differing leaf below two values."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                yield from _first(f"{key}.{name}", old.get(name), new.get(name))
    else:
        yield key, old, new
