"""Callbacks that monitor a validation metric: best.ckpt and early stopping.

Both act when an evaluation ends, which is before last.ckpt is saved: what they decided is in it. Their state holds
metrics and no paths, so that a run may go on in another folder.
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
    """A validation metric and whether "max" or "min" of it is best; `tie` and `tie_mode` name the metric that decides
    between evaluations at which the first is the same (None: the earlier one stays)."""

    monitor: str
    mode: str
    tie: str | None = None
    tie_mode: str = "min"

    def goodness(self, metrics: Mapping[str, Any]) -> tuple[float, ...]:
        """The rank of an evaluation: more is better, compared from the left; NaN is worth less than any number.

        UserError when the evaluation gave no metric of one of the names.
        """
        named = [(self.monitor, self.mode), *([] if self.tie is None else [(self.tie, self.tie_mode)])]
        worth = []
        for key, (name, mode) in zip(("monitor", "break_ties"), named, strict=False):
            if name not in metrics:
                raise UserError(f"checkpoint.{key}: evaluations give no {name!r}; {did_you_mean(name, metrics)}")
            value = float(metrics[name]) * (1.0 if mode == "max" else -1.0)
            worth.append(-math.inf if math.isnan(value) else value)
        return tuple(worth)


class BestCheckpoint(Checkpoint):
    """Saves the weights whenever an evaluation inside training is better than all before, as `Monitor.goodness` says;
    equal ones keep the earlier weights.

    UserError when evaluations give no metric of that name.
    """

    def __init__(self, path: Path, criterion: Monitor) -> None:
        self.path = path
        self.criterion = criterion
        self.best: tuple[float, ...] | None = None  # None before the first evaluation

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compares, and saves; all ranks decide alike."""
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        current = self.criterion.goodness(trainer.callback_metrics)
        better = self.best is None or current > self.best
        if trainer.strategy.reduce_boolean_decision(better):
            self.best = current
            trainer.save_checkpoint(self.path, weights_only=True)

    def state_dict(self) -> dict[str, Any]:
        """The rank of the best evaluation so far."""
        return {"best": None if self.best is None else list(self.best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """That of a checkpoint, whose weights lie beside it; in older ones it is the monitored metric."""
        best = state_dict["best"]
        if isinstance(best, float):
            self.best = Monitor(self.criterion.monitor, self.criterion.mode).goodness({self.criterion.monitor: best})
        else:
            self.best = None if best is None else tuple(best)


def load_best(path: Path, trainer: pl.Trainer, task: pl.LightningModule) -> dict[str, Any]:
    """Loads best.ckpt into a task; {"best": its metric, the value there, step and epoch (from 1)}, {} without one."""
    if not path.exists():
        return {}
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    sharding.load_whole(task, checkpoint["state_dict"])
    callback = next(each for each in trainer.callbacks if isinstance(each, BestCheckpoint))  # type: ignore[attr-defined]
    worth = callback.best[0] if callback.best is not None and math.isfinite(callback.best[0]) else None
    return {
        "best": {
            "metric": callback.criterion.monitor,
            "value": worth if worth is None or callback.criterion.mode == "max" else -worth,
            "step": int(checkpoint["global_step"]),
            "epoch": int(checkpoint["epoch"]) + 1,
        }
    }


class EarlyStop(EarlyStopping):
    """Ends training after `patience` evaluations in a row that are no better than the best before, as
    `Monitor.goodness` says, or at a monitored metric that is not finite.

    Whatever best.ckpt is replaced for counts: where a second metric breaks ties, its improvements do too. A run that
    goes on from a checkpoint at which this was decided ends there. A metric that is not there is what `BestCheckpoint`
    complains of.
    """

    def __init__(self, criterion: Monitor, patience: int) -> None:
        super().__init__(
            criterion.monitor, mode=criterion.mode, patience=patience, check_on_train_epoch_end=False, strict=False
        )
        self.criterion = criterion
        self.best_tie = -math.inf  # of the evaluations with the best metric

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Decides as the checkpoint did."""
        nonfinite = self.stopping_reason == EarlyStoppingReason.NON_FINITE_METRIC
        if nonfinite or self.wait_count >= self.patience:
            trainer.should_stop = True

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's own rule for the monitored metric; where that is the best one again, the second may be better."""
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
        """Lightning's, and the second metric."""
        return {**super().state_dict(), "best_tie": self.best_tie}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The evaluations so far; the patience is an option of the run."""
        super().load_state_dict({**state_dict, "patience": self.patience})
        self.best_tie = state_dict.get("best_tie", -math.inf)
