"""Callbacks that average the weights over training, for evaluation and best.ckpt."""

from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn


class WeightAverage(Callback):
    """Base class: updates an average at each step and swaps it into the model for evaluation.

    During an evaluation inside training the model holds the average, so that metrics and best.ckpt (saved when the
    evaluation ends) are those of the average; the trained weights are restored before the next batch and before
    last.ckpt. All parameters of the optimizers are averaged; buffers (running statistics) are not. It must come before
    LastCheckpoint in the list of callbacks. The state is in last.ckpt, so that resuming is exact.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, nn.Parameter] = {}
        self.step = 0
        self._live: dict[str, Tensor] | None = None  # the trained weights, while the model holds the average
        self._restored: dict[str, Any] | None = None

    def update(self, step: int) -> None:
        """Include the weights after update number `step` (from 1) in the average."""
        raise NotImplementedError

    def average(self) -> list[Tensor] | None:
        """The averages, in the order of `parameters`; None before the first."""
        raise NotImplementedError

    def tensors(self) -> dict[str, list[Tensor]]:
        """The state for `restore`: lists of tensors in the order of `parameters`."""
        raise NotImplementedError

    def restore(self, tensors: dict[str, list[Tensor]]) -> None:
        """Set the state to a value of `tensors`."""
        raise NotImplementedError

    @property
    def is_lent(self) -> bool:
        """True while the model holds the average."""
        return self._live is not None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find the trained parameters, and restore a loaded state."""
        trained = {
            id(p) for optimizer in trainer.optimizers for group in optimizer.param_groups for p in group["params"]
        }
        self.parameters = {name: p for name, p in pl_module.named_parameters() if id(p) in trained}
        self.step = trainer.global_step
        if self._restored is not None:
            saved, self._restored = self._restored, None
            devices = [p.device for p in self.parameters.values()]
            self.restore(
                {
                    key: [tensors[name].to(device) for name, device in zip(self.parameters, devices, strict=True)]
                    for key, tensors in saved["average"].items()
                }
            )
            if saved["live"] is not None:  # saved while the model held the average
                self._put([saved["live"][name] for name in self.parameters])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Call `update` after each optimizer step, which with accumulated gradients is not each batch."""
        if trainer.global_step != self.step:
            self.step = trainer.global_step
            self.update(self.step)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Swap the average into the model for an evaluation inside training."""
        average = self.average()
        if trainer.state.fn == "fit" and not trainer.sanity_checking and average is not None and not self.is_lent:
            self._live = {name: p.detach().clone() for name, p in self.parameters.items()}
            self._put(average)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Restore the trained weights after an evaluation within an epoch."""
        self.give_back()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the trained weights before last.ckpt is saved."""
        self.give_back()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Restore the trained weights."""
        self.give_back()

    def give_back(self) -> None:
        """Restore the trained weights if the model holds the average."""
        if self._live is not None:
            self._put(list(self._live.values()))
            self._live = None

    def state_dict(self) -> dict[str, Any]:
        """The state by parameter name, and the trained weights while the model holds the average."""
        return {
            "average": {key: dict(zip(self.parameters, list_, strict=True)) for key, list_ in self.tensors().items()},
            "live": self._live,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep a loaded state until training starts, when the parameters are on their device."""
        self._restored = state_dict

    def _put(self, values: list[Tensor]) -> None:
        with torch.no_grad():
            for p, value in zip(self.parameters.values(), values, strict=True):
                p.copy_(value)


class ExponentialAverage(WeightAverage):
    """EMA: at each update the average moves by 1 - decay towards the weights (Polyak and Juditsky 1992).

    It starts as a copy of the weights after update `start_step`, or after the first one. `decay` = 0.999 looks back
    over about 1000 updates. One pass over the weights an update.
    """

    def __init__(self, *, decay: Annotated[float, Field(gt=0, lt=1)], start_step: Annotated[int, Field(ge=0)]) -> None:
        super().__init__()
        self.decay = decay
        self.start_step = start_step
        self._average: list[Tensor] | None = None

    @torch.no_grad()
    def update(self, step: int) -> None:
        """average <- average + (1 - decay) (weights - average)."""
        if step < self.start_step:
            return
        weights: list[Tensor] = list(self.parameters.values())
        if self._average is None:
            self._average = [p.detach().clone() for p in weights]
        else:
            torch._foreach_lerp_(self._average, weights, 1.0 - self.decay)

    def average(self) -> list[Tensor] | None:
        """The averages; None before `start_step`."""
        return self._average

    def tensors(self) -> dict[str, list[Tensor]]:
        """The averages, if there are any."""
        return {} if self._average is None else {"average": self._average}

    def restore(self, tensors: dict[str, list[Tensor]]) -> None:
        """Set the averages."""
        self._average = tensors.get("average")


class CheckpointAverage(WeightAverage):
    """The mean of the weights at the last `count` multiples of `every_n_steps` updates (Vaswani et al. 2017, 6.1).

    Keeps `count` copies of the weights, in memory and in last.ckpt.
    """

    def __init__(self, *, count: Annotated[int, Field(ge=1)], every_n_steps: Annotated[int, Field(ge=1)]) -> None:
        super().__init__()
        self.count = count
        self.every_n_steps = every_n_steps
        self.copies: list[list[Tensor]] = []  # oldest first

    def update(self, step: int) -> None:
        """Copy the weights at every `every_n_steps`-th update, and drop the oldest copy above `count`."""
        if step % self.every_n_steps == 0:
            self.copies = [*self.copies, [p.detach().clone() for p in self.parameters.values()]][-self.count :]

    def average(self) -> list[Tensor] | None:
        """The mean of the copies; None before the first."""
        if not self.copies:
            return None
        return [torch.stack(same).mean(0) for same in zip(*self.copies, strict=True)]

    def tensors(self) -> dict[str, list[Tensor]]:
        """The copies by index, oldest first."""
        return {str(index): copy for index, copy in enumerate(self.copies)}

    def restore(self, tensors: dict[str, list[Tensor]]) -> None:
        """Set the copies."""
        self.copies = [tensors[str(index)] for index in range(len(tensors))]
