"""Tells an adaptation of each step to come."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from interlace.optim.adaptation import Adaptation


class AdaptationSteps(Callback):
    """Calls `adaptation.on_step` with the number of updates done before each training batch."""

    def __init__(self, adaptation: Adaptation) -> None:
        self.adaptation = adaptation

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Before the forward pass."""
        self.adaptation.on_step(trainer.global_step)
