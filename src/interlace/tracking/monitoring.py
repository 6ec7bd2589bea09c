"""What watches a validation figure while training: best.ckpt, and stopping early.

Both act when an evaluation ends, which is before last.ckpt is saved: what they decided is in it. Their state holds
figures and no paths, so that a run may go on in another folder.
"""

import math
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason
from pytorch_lightning.trainer.states import TrainerFn

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError


class BestCheckpoint(Checkpoint):
    """Saves the weights whenever an evaluation inside training gives a better figure than all before; ties keep the
    earlier ones, and a figure that is NaN loses to any other.

    UserError when evaluations give no figure of that name.
    """

    def __init__(self, path: Path, monitor: str, mode: str) -> None:
        self.path = path
        self.monitor = monitor
        self.sign = 1.0 if mode == "max" else -1.0
        self.best: float | None = None  # None before the first evaluation

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compares, and saves; all ranks decide alike."""
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        figures = trainer.callback_metrics
        if self.monitor not in figures:
            raise UserError(
                f"training.monitor: evaluations give no {self.monitor!r}; {did_you_mean(self.monitor, figures)}"
            )
        current = float(figures[self.monitor])
        better = self.best is None or self.sign * current > self.sign * self.best
        if trainer.strategy.reduce_boolean_decision(better):
            self.best = -self.sign * math.inf if math.isnan(current) else current
            trainer.save_checkpoint(self.path, weights_only=True)

    def state_dict(self) -> dict[str, Any]:
        """The best figure so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The best figure of a checkpoint, whose weights lie beside it."""
        self.best = state_dict["best"]


class EarlyStop(EarlyStopping):
    """Ends training after `patience` evaluations in a row without a better figure, or at one that is not finite.

    A run that goes on from a checkpoint at which this was decided ends there. A figure that is not there is what
    `BestCheckpoint` complains of.
    """

    def __init__(self, monitor: str, mode: str, patience: int) -> None:
        super().__init__(monitor, mode=mode, patience=patience, check_on_train_epoch_end=False, strict=False)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Decides as the checkpoint did."""
        nonfinite = self.stopping_reason == EarlyStoppingReason.NON_FINITE_METRIC
        if nonfinite or self.wait_count >= self.patience:
            trainer.should_stop = True

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What was seen; how long to wait is this run's own."""
        super().load_state_dict({**state_dict, "patience": self.patience})
