"""One run's parts, whatever kind of run it is."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch import nn

from interlace.assembly.components import build_data, constructor
from interlace.data.datamodule import DataModule
from interlace.data.loader import BatchLoader, Indexable
from interlace.errors import UserError
from interlace.metrics.directions import Direction, best_of
from interlace.optim.finetuning import Finetuning
from interlace.tasks import ranks, sharding
from interlace.tasks.base import Task


class Experiment:
    """Data, loaders and task of a run, and how it is evaluated. Subclasses fill in what differs between kinds.

    `unit` is what throughput counts; `parents` names the weights that the model started from, by content hash.
    """

    unit = "examples"
    # Whether the model is fitted in one go by `fit`, with no optimizer and no epochs.
    uses_trainer = True
    # Whether `check_budget` can tell what a run of this kind costs.
    can_be_matched = False

    def __init__(self, config: Mapping[str, Any], known: DataModule | None = None) -> None:
        if config.get("budget") is not None and not self.can_be_matched:
            raise UserError("budget: only runs with encoders, fusion and a head or a decision can be matched")
        self.config = config
        self.data = build_data(config, known)
        self.parents: dict[str, str] = {}
        self.loaders: dict[str, BatchLoader] = {}
        self.remarks: list[str] = []  # sentences for the user before training; no part of the results
        node = config["finetuning"]
        self.finetuning: Finetuning | None = constructor(node)() if node is not None else None

    def build_task(self) -> Task:
        """The Lightning module, weights drawn from `seed.model`."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """Notes that a reader of the metrics needs; shown with results, tables and pages."""
        notes: list[str] = self.data.notes()
        return notes

    def describe(self) -> dict[str, Any]:
        """data_description.json."""
        notes = self.notes()
        return {
            "fingerprint": self.data.fingerprint,
            **self.data.describe(),
            **({"notes": notes} if notes else {}),
        }

    def check_budget(self, task: Task) -> None:
        """UserError when the model costs something else than the run's `budget` says, which a study fills in."""

    def apply_finetuning(self, model: nn.Module) -> None:
        """Freezes or replaces parameters as `finetuning` says; without it all are trained."""
        if self.finetuning is not None:
            self.finetuning.apply(model)

    def count_batch(self, batch: Mapping[str, Any]) -> tuple[int, int]:
        """Units that throughput counts, and examples, of a batch."""
        raise NotImplementedError

    def monitored(self) -> tuple[str, str]:
        """The metric that chooses best.ckpt, and its direction."""
        checkpoint = self.config["checkpoint"]
        name = checkpoint["monitor"] or self.default_monitor()
        return name, checkpoint["mode"] or best_of(name)

    def tie_breaker(self) -> tuple[str | None, Direction]:
        """The figure that decides where the monitored one is the same, and its direction; None for the earlier one."""
        name = self.config["checkpoint"]["break_ties"]
        return name, "min" if name is None else best_of(name)

    def default_monitor(self) -> str:
        """The validation metric that is watched when the configuration names none."""
        return "val/loss"

    def units_per_step(self) -> float:
        """Examples or tokens that one update sees on all ranks."""
        raise NotImplementedError

    def evaluate(self, trainer: pl.Trainer, task: Task) -> dict[str, float]:
        """Metrics of the validation and then the test split."""
        trainer.validate(task, self.loaders["val"], verbose=False)
        metrics = dict(task.metrics)
        trainer.test(task, self.loaders["test"], verbose=False)
        sharding.gather_outer(task)  # for what only using the model outside its steps can tell
        return metrics | task.metrics

    def prepare_directory(self, directory: Path, task: Task) -> None:
        """Writes the files that a checkpoint needs beside it, before the first checkpoint."""

    def write_outputs(self, directory: Path, task: Task) -> None:
        """Predictions, examples and whatever else belongs beside results.json."""

    def costs(self, task: Task) -> dict[str, int]:
        """Forward FLOPs as "flops_per_example" (and what else is counted), for results.json."""
        raise NotImplementedError

    def training_flops_per_token(self, task: Task) -> float:
        """FLOPs of forward and backward pass for each token, for runs whose unit is tokens."""
        raise NotImplementedError

    def num_examples(self) -> dict[str, int]:
        """Examples of each split."""
        return {name: len(split) for name, split in self.data.splits.items()}

    def total_steps(self) -> int:
        """Optimizer updates of the whole run, known before it starts."""
        options = self.config["trainer"]
        length = len(self.loaders["train"])
        batches = min(length, self.loaders["train"].limit_batches or length)
        steps = math.ceil(batches / options["accumulate_grad_batches"]) * options["max_epochs"]
        return min(steps, options["max_steps"] or steps)

    def loader(self, name: str, split: Indexable, *, train: bool) -> BatchLoader:
        """A loader of one split; only training data are shuffled, as a function of (seed.data, epoch).

        `data.batch_size` is that of all ranks together, of which each takes its share: how many there are changes no
        figure.
        """
        options = self.config["trainer"]
        if not len(split):
            raise UserError(f"data: the {name} split is empty; give it at least one example")
        accumulate = options["accumulate_grad_batches"] if train else 1
        steps = options["steps_per_epoch"]
        balanced = train and options["balanced_sampling"]
        loader = BatchLoader(
            split,
            self._rank_batch_size(),
            shuffle=train and not options["overfit_batches"],
            seed=self.config["seed"]["data"],
            drop_last=False,
            batches_per_epoch=steps * accumulate if train and steps else None,
            accumulate=accumulate,
            rank=ranks.rank(),
            world_size=ranks.world_size(),
            classes=self._classes(split) if balanced else None,
        )
        least = (options["min_steps_per_epoch"] or 0) * accumulate
        if train and not steps and len(loader) < least:
            loader.batches_per_epoch = least
        limit = options[f"limit_{name}_batches"]
        overfit = options["overfit_batches"] if name != "test" else 0
        loader.limit_batches = overfit or (max(1, int(limit * len(loader))) if isinstance(limit, float) else limit)
        return loader

    def _classes(self, split: Indexable) -> np.ndarray:
        """The class id of every row; UserError where there are no classes."""
        classes = self.data.spec.class_ids(split) if isinstance(self.data, DataModule) else None
        if classes is None:
            raise UserError(
                "trainer.balanced_sampling: it draws classes evenly, and these data have none; leave it out"
            )
        return classes

    def _rank_batch_size(self) -> int:
        size, rest = divmod(int(self.data.batch_size), ranks.world_size())
        if rest or not size:
            raise UserError(
                f"data.batch_size: got {self.data.batch_size} for all processes together, which {ranks.world_size()} "
                f"cannot share evenly; take a multiple of {ranks.world_size()}, or fewer devices"
            )
        return size
