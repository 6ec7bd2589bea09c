"""Base class of the kinds of runs: data, loaders, task and evaluation."""

import math
from collections.abc import Mapping
from functools import partial
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
from interlace.tasks.base import Task, TrainingOptions


class Experiment:
    """Data, loaders, task and evaluation of a run; one subclass per kind of run.

    `unit`: the unit of throughput, such as examples or tokens. `parents`: content hash of the initial weights by path.
    """

    unit = "examples"
    # False: the model is fitted by `fit`, without optimizer and epochs.
    uses_trainer = True
    # True: `check_budget` can compute the cost of a run of this kind.
    can_be_matched = False

    def __init__(self, config: Mapping[str, Any], known: DataModule | None = None) -> None:
        if config.get("budget") is not None and not self.can_be_matched:
            raise UserError("budget: only runs with encoders, fusion and a head or a decision can be matched")
        self.config = config
        self.data = build_data(config, known)
        self.parents: dict[str, str] = {}
        self.loaders: dict[str, BatchLoader] = {}
        self.remarks: list[str] = []  # printed before training; not part of the results
        node = config["finetuning"]
        self.finetuning: Finetuning | None = constructor(node)() if node is not None else None

    def build_task(self) -> Task:
        """Return the Lightning module, with weights drawn from `seed.model`."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """Return notes on the metrics, which are shown with results, tables and pages."""
        notes: list[str] = self.data.notes()
        return notes

    def describe(self) -> dict[str, Any]:
        """Return the content of data_description.json."""
        notes = self.notes()
        return {
            "fingerprint": self.data.fingerprint,
            **self.data.describe(),
            **({"notes": notes} if notes else {}),
        }

    def check_budget(self, task: Task) -> None:
        """Raise UserError if the cost of the model is outside `budget`, which a study sets."""

    def apply_finetuning(self, model: nn.Module) -> None:
        """Freeze or replace parameters by `finetuning`; without it all are trained."""
        if self.finetuning is not None:
            self.finetuning.apply(model)

    def count_batch(self, batch: Mapping[str, Any]) -> tuple[int, int]:
        """Return the number of units of throughput and of examples in a batch."""
        raise NotImplementedError

    def monitored(self) -> tuple[str, str]:
        """Return the metric that chooses best.ckpt, and its direction."""
        checkpoint = self.config["checkpoint"]
        name = checkpoint["monitor"] or self.default_monitor()
        return name, checkpoint["mode"] or best_of(name)

    def tie_breaker(self) -> tuple[str | None, Direction]:
        """Return the metric that breaks ties of the monitored one, and its direction; None: the earlier step wins."""
        name = self.config["checkpoint"]["break_ties"]
        return name, "min" if name is None else best_of(name)

    def default_monitor(self) -> str:
        """The validation metric that is monitored if the configuration names none."""
        return "val/loss"

    def units_per_step(self) -> float:
        """Number of examples or tokens of one update on all ranks."""
        raise NotImplementedError

    def evaluate(self, trainer: pl.Trainer, task: Task) -> dict[str, float]:
        """Return the metrics of the validation and the test split."""
        trainer.validate(task, self.loaders["val"], verbose=False)
        metrics = dict(task.metrics)
        trainer.test(task, self.loaders["test"], verbose=False)
        sharding.gather_outer(task)  # for metrics computed outside the steps of Lightning
        return metrics | task.metrics

    def prepare_directory(self, directory: Path, task: Task) -> None:
        """Write, before the first checkpoint, the files that are needed to use a checkpoint."""

    def write_outputs(self, directory: Path, task: Task) -> None:
        """Write predictions, examples and other outputs of the run."""

    def costs(self, task: Task) -> dict[str, int]:
        """Return forward FLOPs as "flops_per_example" and further costs, for results.json."""
        raise NotImplementedError

    def training_flops_per_token(self, task: Task) -> float:
        """Return the FLOPs of forward and backward pass per token, for runs with tokens as unit."""
        raise NotImplementedError

    def num_examples(self) -> dict[str, int]:
        """Number of examples of each split."""
        return {name: len(split) for name, split in self.data.splits.items()}

    def total_steps(self) -> int:
        """Return the number of optimizer updates of the whole run."""
        options = self.config["trainer"]
        length = len(self.loaders["train"])
        batches = min(length, self.loaders["train"].limit_batches or length)
        steps = math.ceil(batches / options["accumulate_grad_batches"]) * options["max_epochs"]
        return min(steps, options["max_steps"] or steps)

    def training_options(self) -> TrainingOptions:
        """Return the options of training of the task."""
        optimizer = constructor(self.config["optimizer"])
        return {
            "seed": self.config["seed"]["model"],
            "build_optimizer": lambda module: optimizer(module=module),
            "build_schedule": partial(constructor(self.config["scheduler"]), num_steps=self.total_steps()),
            "log_every_n_steps": self.config["trainer"]["log_every_n_steps"],
        }

    def loaders_of(self, splits: Mapping[str, Indexable], train: Indexable | None = None) -> dict[str, BatchLoader]:
        """Return the loaders of all splits, by name. `train`: what is learned from, if not the training split itself,
        which is also validated on with `trainer.overfit_batches`."""
        validated = splits["train" if self.config["trainer"]["overfit_batches"] else "val"]
        return {
            "train": self.loader("train", splits["train"] if train is None else train, train=True),
            "val": self.loader("val", validated, train=False),
            "test": self.loader("test", splits["test"], train=False),
        }

    def loader(self, name: str, split: Indexable, *, train: bool) -> BatchLoader:
        """Return a loader of one split; only training data are shuffled, as a function of (seed.data, epoch).

        `data.batch_size` is the size of the batch over all ranks; each rank loads its share, so that metrics do not
        depend on the number of ranks.
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
        """Return the class id of every row. Raises UserError for data without classes."""
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
