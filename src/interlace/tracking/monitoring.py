"""Callbacks that monitor a validation metric: best.ckpt and early stopping.

Both act at the end of an evaluation, before last.ckpt is saved, so that it holds their state. The state has metrics
and no paths, so that a run can be resumed in another folder.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason
from pytorch_lightning.trainer.states import TrainerFn

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.tasks import sharding


class Monitor(NamedTuple):
    """A validation metric with its mode, "max" or "min".

    `tie`, `tie_mode`: a second metric that decides between evaluations with equal values of the first (None: the
    earlier evaluation is best).
    """

    monitor: str
    mode: str
    tie: str | None = None
    tie_mode: str = "min"

    def goodness(self, metrics: Mapping[str, Any]) -> tuple[float, ...]:
        """A sort key of an evaluation, greater for better ones; NaN counts as minus infinity.

        Raises UserError when the evaluation has no metric of one of the names.
        """
        named = [(self.monitor, self.mode), *([] if self.tie is None else [(self.tie, self.tie_mode)])]
        values = []
        for key, (name, mode) in zip(("monitor", "break_ties"), named, strict=False):
            if name not in metrics:
                raise UserError(f"checkpoint.{key}: validation has no metric {name!r}; {did_you_mean(name, metrics)}")
            value = float(metrics[name]) * (1.0 if mode == "max" else -1.0)
            values.append(-math.inf if math.isnan(value) else value)
        return tuple(values)


class BestCheckpoint(Checkpoint):
    """Saves the weights after each evaluation inside training that is better than all before (`Monitor.goodness`).

    Of equal evaluations the earlier weights are kept. Raises UserError when the monitored metric does not exist.
    """

    def __init__(self, path: Path, criterion: Monitor) -> None:
        self.path = path
        self.criterion = criterion
        self.best: tuple[float, ...] | None = None  # None before the first evaluation

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare and save; all ranks take the same decision."""
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        current = self.criterion.goodness(trainer.callback_metrics)
        better = self.best is None or current > self.best
        if trainer.strategy.reduce_boolean_decision(better):
            self.best = current
            trainer.save_checkpoint(self.path, weights_only=True)

    def state_dict(self) -> dict[str, Any]:
        """The sort key of the best evaluation so far."""
        return {"best": None if self.best is None else list(self.best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the sort key; older checkpoints hold the monitored metric instead."""
        best = state_dict["best"]
        if isinstance(best, float):
            self.best = Monitor(self.criterion.monitor, self.criterion.mode).goodness({self.criterion.monitor: best})
        else:
            self.best = None if best is None else tuple(best)


def load_best(path: Path, trainer: pl.Trainer, task: pl.LightningModule) -> dict[str, Any]:
    """Load best.ckpt into a task; return {"best": metric, value, step, epoch (from 1)}, {} without the file."""
    if not path.exists():
        return {}
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    sharding.load_whole(task, checkpoint["state_dict"])
    callback = next(each for each in trainer.callbacks if isinstance(each, BestCheckpoint))  # type: ignore[attr-defined]
    value = callback.best[0] if callback.best is not None and math.isfinite(callback.best[0]) else None
    return {
        "best": {
            "metric": callback.criterion.monitor,
            "value": value if value is None or callback.criterion.mode == "max" else -value,
            "step": int(checkpoint["global_step"]),
            "epoch": int(checkpoint["epoch"]) + 1,
        }
    }


class EarlyStop(EarlyStopping):
    """Ends training after `patience` consecutive evaluations that are not better than the best before
    (`Monitor.goodness`), or when the monitored metric is not finite.

    Improvements are those of best.ckpt: where a second metric breaks ties, it counts too. A run that resumes from a
    checkpoint after this decision ends at once. `BestCheckpoint` raises the error for a missing metric.
    """

    def __init__(self, criterion: Monitor, patience: int) -> None:
        super().__init__(
            criterion.monitor, mode=criterion.mode, patience=patience, check_on_train_epoch_end=False, strict=False
        )
        self.criterion = criterion
        self.best_tie = -math.inf  # of the evaluations with the best metric

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once where the resumed run had decided to stop."""
        nonfinite = self.stopping_reason == EarlyStoppingReason.NON_FINITE_METRIC
        if nonfinite or self.wait_count >= self.patience:
            trainer.should_stop = True

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Apply Lightning's rule to the monitored metric; where it equals its best value, compare the second metric."""
        if self._should_skip_check(trainer) or self.monitor not in trainer.callback_metrics:
            return
        before = float(self.best_score)
        tie = self.criterion.goodness(trainer.callback_metrics)[1:]
        current = float(trainer.callback_metrics[self.monitor])
        better = bool(tie) and current == before and tie[0] > self.best_tie
        if better:
            self.wait_count = -1  # Lightning counts this evaluation as one more without improvement
        super().on_validation_end(trainer, pl_module)
        if tie and (better or (self.wait_count == 0 and current != before)):
            self.best_tie = tie[0]

    def state_dict(self) -> dict[str, Any]:
        """Lightning's state and the second metric of the best evaluation."""
        return {**super().state_dict(), "best_tie": self.best_tie}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, except the patience, which is an option of the run."""
        super().load_state_dict({**state_dict, "patience": self.patience})
        self.best_tie = state_dict.get("best_tie", -math.inf)
