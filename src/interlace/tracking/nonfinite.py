"""Policies for updates whose loss or gradients are not finite."""

import math
from typing import Annotated, Any, Literal

import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from interlace.errors import RunFailure, UserError
from interlace.tracking.spikes import gradient_norm

ADVICE = (
    "try a lower optimizer.learning_rate, trainer.gradient_clip_val=1, a longer warm-up or trainer.precision=32-true"
)


class NonfiniteLoss(Callback):
    """Prevents updates whose loss or gradients contain NaN or infinity.

    `stop` ends the run with an error; `skip` skips the update; `lower_lr` skips it and multiplies the learning rate by
    `lr_factor` for the rest of the run. More than `max_consecutive` skipped updates in a row also end the run. Without
    this callback such a run continues with weights that are NaN.

    A skipped update changes neither weights nor moments, step counts and running statistics of batch norms; it counts
    as one of the run's updates, so that learning rate, order of examples and dropout of later ones are those of an
    undisturbed run. All ranks take the same decision. The counts are in last.ckpt, the loggers (train/updates_left_out,
    train/learning_rate_factor, at each such update) and results.json (`nonfinite_loss`).

    Each update costs one pass over the gradients and one synchronization with the device.
    """

    def __init__(
        self,
        *,
        policy: Literal["stop", "skip", "lower_lr"],
        max_consecutive: Annotated[int, Field(ge=1)],
        lr_factor: Annotated[float, Field(gt=0, lt=1)],
    ) -> None:
        self.policy = policy
        self.max_consecutive = max_consecutive
        self.lr_factor = lr_factor
        self.left_out = 0
        self.in_a_row = 0
        self.factor = 1.0
        self._loss: Tensor | None = None  # of the batches accumulated so far
        self._statistics: list[tuple[Tensor, Tensor]] = []  # buffers with their values before the update

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Raises UserError for fp16, whose gradient scaler needs overflowing updates to find its scale."""
        if trainer.precision == "16-mixed":
            raise UserError("callbacks.nonfinite_loss does not work with trainer.precision=16-mixed; use bf16-mixed")
        self._loss = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Copies the running statistics before the first batch of an update."""
        if self._loss is None and self.policy != "stop":
            self._statistics = [(buffer, buffer.clone()) for buffer in running_statistics(pl_module)]

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Adds up the losses of the accumulated batches."""
        self._loss = loss.detach().float() if self._loss is None else self._loss + loss.detach().float()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Decides; skips an update by removing the gradients, as optimizers ignore parameters without a gradient."""
        assert self._loss is not None
        loss, self._loss = self._loss, None
        if trainer.world_size > 1:  # makes NaN or infinity of one rank that of all
            loss = trainer.strategy.reduce(loss, reduce_op="mean")
        loss_value, norm = torch.stack([loss, gradient_norm(optimizer).to(loss)]).tolist()
        if math.isfinite(loss_value) and math.isfinite(norm):
            self.in_a_row = 0
            return
        self.in_a_row += 1
        if self.policy == "stop" or self.in_a_row > self.max_consecutive:
            raise RunFailure(self._sentence(trainer.global_step + 1, loss_value, norm, optimizer))
        optimizer.zero_grad(set_to_none=True)
        for buffer, before in self._statistics:
            buffer.copy_(before)
        self.left_out += 1
        if self.policy == "lower_lr":
            self._lower(trainer, optimizer)
        metrics = {"train/updates_left_out": float(self.left_out), "train/learning_rate_factor": self.factor}
        for logger in trainer.loggers:
            logger.log_metrics({**metrics, "epoch": trainer.current_epoch}, trainer.global_step + 1)

    def _lower(self, trainer: pl.Trainer, optimizer: torch.optim.Optimizer) -> None:
        """Lowers the present rates and the base rates of the schedule; checkpoints contain both."""
        self.factor *= self.lr_factor
        for group in optimizer.param_groups:
            group["lr"] *= self.lr_factor
        for config in trainer.lr_scheduler_configs:
            scheduler: Any = config.scheduler
            scheduler.base_lrs = [rate * self.lr_factor for rate in scheduler.base_lrs]

    def _sentence(self, step: int, loss: float, norm: float, optimizer: torch.optim.Optimizer) -> str:
        rate = optimizer.param_groups[0]["lr"]
        times = f"{self.in_a_row} updates in a row were not finite: at " if self.policy != "stop" else ""
        what = f"the loss is {loss:g} and the norm of the gradients {norm:g}, at a learning rate of {rate:g}"
        further = ", or callbacks.nonfinite_loss.policy=skip" if self.policy == "stop" else ""
        return f"{times}step {step} {what}; {ADVICE}{further}"

    def summary(self) -> dict[str, float]:
        """The entry of results.json."""
        return {"updates_left_out": self.left_out, "learning_rate_factor": self.factor}

    def state_dict(self) -> dict[str, Any]:
        """The counts and the factor."""
        return {"left_out": self.left_out, "in_a_row": self.in_a_row, "factor": self.factor}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the counts; the lowered rates are in the states of optimizer and schedule."""
        self.left_out, self.in_a_row = state_dict["left_out"], state_dict["in_a_row"]
        self.factor = state_dict["factor"]


def running_statistics(module: nn.Module) -> list[Tensor]:
    """Running statistics of batch norms, which each forward pass changes."""
    return [
        buffer
        for each in module.modules()
        if isinstance(each, _NormBase)
        for buffer in (each.running_mean, each.running_var, each.num_batches_tracked)
        if buffer is not None
    ]
