"""Callback that logs the norm of the gradients."""

from typing import Annotated

import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.callbacks import Callback

from interlace.tracking.spikes import gradient_norm


class GradientNorm(Callback):
    """Logs the norm of the gradients before clipping every `log_every_n_steps` updates, as train/gradient_norm.

    Such an update costs one pass over the gradients and one synchronization with the device, others nothing.
    """

    def __init__(self, *, log_every_n_steps: Annotated[int, Field(ge=1)]) -> None:
        self.log_every_n_steps = log_every_n_steps

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Logs the norm of the gradients of this update."""
        step = trainer.global_step + 1
        if step % self.log_every_n_steps == 0:
            metrics = {"train/gradient_norm": float(gradient_norm(optimizer)), "epoch": trainer.current_epoch}
            for logger in trainer.loggers:
                logger.log_metrics(metrics, step)
