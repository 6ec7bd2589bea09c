"""Skipping of updates at loss spikes, without a synchronization with the device."""

from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from interlace.errors import UserError
from interlace.tasks.sharding import whole


class SpikeSkip(Callback):
    """Skips an update whose loss, or gradient norm, lies `sigmas` standard deviations above its mean over the last
    `window` updates.

    After OLMo's skip-step optimizer (window 128, 6 sigma, active once half the window is filled). An update with a loss
    or norm that is not finite is always skipped, and its values are not added to the window; those of a finite spike
    are, so that a lasting change of level is accepted after some updates. Only increases count. A skipped update
    changes neither parameters nor moments and step counts: the decision, a tensor, is passed to the optimizer as
    `found_inf`, which its kernels read on the device; the learning-rate schedule advances. The loss costs a dozen small
    operations an update; the norm one pass over the gradients.

    The number of skipped updates is logged every `log_every_n_steps` updates as train/skipped_steps.
    """

    def __init__(
        self,
        *,
        window: Annotated[int, Field(ge=8)],
        sigmas: Annotated[float, Field(gt=0)],
        include_gradient_norm: bool,
        log_every_n_steps: Annotated[int, Field(ge=1)],
    ) -> None:
        self.window = window
        self.sigmas = sigmas
        self.include_gradient_norm = include_gradient_norm
        self.log_every_n_steps = log_every_n_steps
        self.history: Tensor | None = None  # (2, window): losses and norms, NaN for missing values
        self.skipped: Tensor | None = None
        self.updates = 0
        self._loss: Tensor | None = None  # of the batches accumulated so far

    @property
    def num_skipped(self) -> int:
        """Number of skipped updates so far; synchronizes with the device."""
        return 0 if self.skipped is None else int(self.skipped)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Raises UserError for optimizers that cannot skip on the device, and for fp16, whose scaler skips."""
        if trainer.precision == "16-mixed":
            raise UserError("loss-spike skipping does not work with trainer.precision=16-mixed; use bf16-mixed")
        for optimizer in trainer.optimizers:
            if not can_skip(optimizer):
                raise UserError(
                    f"loss-spike skipping: {type(optimizer).__name__} cannot skip an update; "
                    "choose optimizer=adamw, sgd (16-bit weights on a CPU excepted), muon_adamw or adamw_scaled"
                )
        if self.history is None:
            self.history = torch.full((2, self.window), torch.nan)
            self.skipped = torch.zeros(())
        self.history = self.history.to(pl_module.device)
        self.skipped = self.skipped.to(pl_module.device)  # type: ignore[union-attr]
        self._loss = None

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Adds up the losses of the accumulated batches."""
        self._loss = loss.detach().float() if self._loss is None else self._loss + loss.detach().float()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Decides, and sets `found_inf` of the optimizer."""
        assert self._loss is not None
        loss, self._loss = self._loss, None
        if trainer.world_size > 1:  # all processes must take the same decision
            loss = trainer.strategy.reduce(loss, reduce_op="mean")
        norm = gradient_norm(optimizer) if self.include_gradient_norm else torch.zeros_like(loss)
        optimizer.found_inf = self.decide(loss, norm)  # type: ignore[attr-defined]
        if (trainer.global_step + 1) % self.log_every_n_steps == 0:
            for logger in trainer.loggers:
                metrics = {"train/skipped_steps": float(self.num_skipped), "epoch": trainer.current_epoch}
                logger.log_metrics(metrics, trainer.global_step + 1)

    def decide(self, loss: Tensor, norm: Tensor) -> Tensor:
        """1.0 where the update is to be skipped, else 0.0; adds the two scalars to the window."""
        assert self.history is not None
        assert self.skipped is not None
        latest = torch.stack([loss, norm]).to(self.history)  # (2,)
        known = self.history.isfinite()
        count = known.sum(1)
        past = self.history.nan_to_num(0.0)
        mean = past.sum(1) / count.clamp_min(1)
        square = ((past - mean[:, None]) * known).square().sum(1)
        deviation = (square / (count - 1).clamp_min(1)).sqrt()
        spike = (latest - mean > self.sigmas * deviation) & (count >= max(2, self.window // 2))
        finite = latest.isfinite()
        # A constant history (all norms 0 when they are left out) has no spikes: 0 > 0 is false.
        skip = (spike | ~finite).any().float()
        self.history[:, self.updates % self.window] = torch.where(finite.all(), latest, torch.nan)
        self.updates += 1
        self.skipped += skip
        return skip

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Removes `found_inf` from the optimizers."""
        for optimizer in trainer.optimizers:
            if hasattr(optimizer, "found_inf"):
                del optimizer.found_inf

    def state_dict(self) -> dict[str, Any]:
        """The window and the count."""
        return {"history": self.history, "skipped": self.skipped, "updates": self.updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the window and the count."""
        self.history, self.skipped = state_dict["history"], state_dict["skipped"]
        self.updates = state_dict["updates"]


def can_skip(optimizer: torch.optim.Optimizer) -> bool:
    """True where a step of the optimizer reads `found_inf`: torch's fused ones, and those with `supports_found_inf`."""
    fused = getattr(optimizer, "_step_supports_amp_scaling", False)
    return bool(fused or getattr(optimizer, "supports_found_inf", False))


def gradient_norm(optimizer: torch.optim.Optimizer) -> Tensor:
    """The 2-norm of all gradients of an optimizer's parameters as one vector, a scalar on their device."""
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    return whole(torch.nn.utils.get_total_norm(gradients, foreach=True))
