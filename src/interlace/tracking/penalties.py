"""Penalties that act on gradients."""

from typing import Annotated

import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.callbacks import Callback


class L1Penalty(Callback):
    """Adds `strength` times the sum of absolute weights to the objective (Tibshirani 1996), for matrices only.

    Its gradient, strength sign(w), is added to the existing gradients once an update, before clipping: the same
    result as a term in the loss, without an autograd graph over all weights. The logged loss does not include it.
    """

    def __init__(self, *, strength: Annotated[float, Field(gt=0)]) -> None:
        self.strength = strength

    @torch.no_grad()
    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Adds the gradient of the penalty."""
        weights = [p for g in optimizer.param_groups for p in g["params"] if p.grad is not None and p.ndim >= 2]
        if weights:
            signs = torch._foreach_sign(weights)
            torch._foreach_add_([p.grad for p in weights], signs, alpha=self.strength)  # type: ignore[misc]
