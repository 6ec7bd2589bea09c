"""Averages of the weights over training, evaluated and kept in place of the last ones."""

from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn


class WeightAverage(Callback):
    """Takes part in each update, lends its average to evaluation, and goes on from the weights as they were.

    During an evaluation inside training the model holds the average, so that metrics and best.ckpt (saved when the
    evaluation ends) are the average's; the weights themselves come back before the next batch and before last.ckpt.
    Averaged is what the optimizers train; buffers (running statistics) are those of the model. Stands before
    LastCheckpoint in the list of callbacks. The state is in last.ckpt, so that resuming is exact.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, nn.Parameter] = {}
        self.step = 0
        self._live: dict[str, Tensor] | None = None  # the weights themselves, while the average is in their place
        self._restored: dict[str, Any] | None = None

    def update(self, step: int) -> None:
        """Takes the weights after update number `step` (counted from 1) into the average."""
        raise NotImplementedError

    def average(self) -> list[Tensor] | None:
        """The averages, in the order of `parameters`; None as long as there are none."""
        raise NotImplementedError

    def tensors(self) -> dict[str, list[Tensor]]:
        """The state for `restore`: lists of tensors in the order of `parameters`."""
        raise NotImplementedError

    def restore(self, tensors: dict[str, list[Tensor]]) -> None:
        """Takes over what `tensors` gave."""
        raise NotImplementedError

    @property
    def is_lent(self) -> bool:
        """Return whether the model holds the average at present."""
        return self._live is not None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Finds the trained parameters; takes up a saved state."""
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
            if saved["live"] is not None:  # saved while the average was lent
                self._put([saved["live"][name] for name in self.parameters])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After each update, which with accumulated gradients is not each batch."""
        if trainer.global_step != self.step:
            self.step = trainer.global_step
            self.update(self.step)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lends the average to an evaluation inside training."""
        average = self.average()
        if trainer.state.fn == "fit" and not trainer.sanity_checking and average is not None and not self.is_lent:
            self._live = {name: p.detach().clone() for name, p in self.parameters.items()}
            self._put(average)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Gives the weights back after an evaluation in mid-epoch."""
        self.give_back()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Gives the weights back before last.ckpt is saved."""
        self.give_back()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Gives the weights back."""
        self.give_back()

    def give_back(self) -> None:
        """Puts the weights themselves back, if the average is in their place."""
        if self._live is not None:
            self._put(list(self._live.values()))
            self._live = None

    def state_dict(self) -> dict[str, Any]:
        """Averages by parameter name."""
        return {
            "average": {key: dict(zip(self.parameters, list_, strict=True)) for key, list_ in self.tensors().items()},
            "live": self._live,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Kept until training starts, when the parameters are on their device."""
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
        """Takes the saved averages over."""
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
        """Copies the weights at every `every_n_steps`-th update, forgetting the oldest copy."""
        if step % self.every_n_steps == 0:
            self.copies = [*self.copies, [p.detach().clone() for p in self.parameters.values()]][-self.count :]

    def average(self) -> list[Tensor] | None:
        """The mean of the copies; None before the first."""
        if not self.copies:
            return None
        return [torch.stack(same).mean(0) for same in zip(*self.copies, strict=True)]

    def tensors(self) -> dict[str, list[Tensor]]:
        """The copies by age."""
        return {str(place): copy for place, copy in enumerate(self.copies)}

    def restore(self, tensors: dict[str, list[Tensor]]) -> None:
        """Takes the saved copies over."""
        self.copies = [tensors[str(place)] for place in range(len(tensors))]
