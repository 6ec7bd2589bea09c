"""Callback for fine-tuning strategies that change during training."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from interlace.optim.finetuning import Finetuning


class FinetuningSteps(Callback):
    """Calls `finetuning.on_step` with the number of updates done before each training batch."""

    def __init__(self, finetuning: Finetuning) -> None:
        self.finetuning = finetuning

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Call `on_step` before the forward pass."""
        self.finetuning.on_step(trainer.global_step)
