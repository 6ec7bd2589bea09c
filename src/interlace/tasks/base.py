"""Base class of the Lightning modules."""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict, Unpack

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import Tensor, nn

from interlace.tasks import ranks, sharding


class TrainingOptions(TypedDict):
    """Options of training that every task has. `seed`: that of random numbers inside the model."""

    seed: int
    build_optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    build_schedule: Callable[[], Callable[[int], float]]
    log_every_n_steps: int


class Task(pl.LightningModule):
    """Lightning module whose order of examples, random numbers and learning rate depend on the step only.

    Metrics are written directly to the loggers. `metrics`: those of the last evaluation. Subclasses have
    `training_step`, and validate and test alike by `start_evaluation`, `evaluate_batch` and `evaluated_metrics`.
    """

    metrics: dict[str, float]

    def __init__(self, model: nn.Module, **options: Unpack[TrainingOptions]) -> None:
        super().__init__()
        self.model = model
        self.seed = options["seed"]
        self.build_optimizer = options["build_optimizer"]
        self.build_schedule = options["build_schedule"]
        self.log_every_n_steps = options["log_every_n_steps"]
        self._group_sums: dict[str, Tensor] = {}

    def on_train_epoch_start(self) -> None:
        self.trainer.train_dataloader.set_epoch(self.current_epoch)  # type: ignore[union-attr]

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # Dropout depends on (seed, step): a resumed run draws the same masks as an uninterrupted one.
        part = batch_idx % self.trainer.accumulate_grad_batches  # index among the batches of one update
        seed = (self.seed << 32) + (part << 27) + self.global_step
        if ranks.rank():  # other ranks draw their own masks; rank 0 those of a single process
            seed = int(np.random.SeedSequence([seed, ranks.rank()]).generate_state(1, np.uint64)[0])
        seed_generators(seed, self.device)

    def configure_model(self) -> None:
        if self.trainer is not None and isinstance(self.trainer.strategy, ModelParallelStrategy):
            assert self.device_mesh is not None
            sharding.shard(self, self.device_mesh["data_parallel"])

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimizer of all trained parameters."""
        return self.build_optimizer(self.model)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer()
        if sharding.is_sharded(self):
            sharding.check_optimizer(optimizer)
        rule = self.build_schedule()
        # A plain function: checkpoints would store and restore the attributes of another callable.
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rule(step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        # Lightning refuses clipping for fused optimizers in mixed precision because of the loss scaler of fp16,
        # which bf16 does not have.
        if gradient_clip_val and self.trainer.precision == "bf16-mixed":
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            if gradient_clip_algorithm == "value":
                torch.nn.utils.clip_grad_value_(parameters, gradient_clip_val)
            else:
                torch.nn.utils.clip_grad_norm_(parameters, gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def log_training(
        self, parts: Callable[[], Mapping[str, Tensor]], metrics: Callable[[dict[str, Tensor]], dict[str, float]]
    ) -> None:
        """Log metrics every `log_every_n_steps` updates only, since they synchronise the device and the ranks.

        `parts` returns the terms of this batch, which are summed over the batches of one update; `metrics` computes the
        logged values from the sums over all ranks.
        """
        step = self.global_step + 1  # number of the update of this batch
        if step % self.log_every_n_steps:
            return
        for name, value in parts().items():
            value = value.detach()
            self._group_sums[name] = self._group_sums[name] + value if name in self._group_sums else value
        if self.trainer.fit_loop._should_accumulate():
            return
        sums, self._group_sums = self._group_sums, {}
        rate = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
        found = metrics({name: ranks.total(value) for name, value in sums.items()})
        self.write({f"train/{k}": v for k, v in found.items()} | {"learning_rate": rate}, step)

    def start_evaluation(self) -> None:
        """Forget what was collected of another split."""

    def evaluate_batch(self, batch: dict[str, Any]) -> None:
        """Collect what the metrics need of a batch."""
        raise NotImplementedError

    def evaluated_metrics(self, split: str) -> dict[str, float]:
        """Return the metrics of the collected batches of a split, over all ranks."""
        raise NotImplementedError

    def on_validation_epoch_start(self) -> None:
        self.start_evaluation()

    def on_test_epoch_start(self) -> None:
        self.start_evaluation()

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.evaluate_batch(batch)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.evaluate_batch(batch)

    def on_validation_epoch_end(self) -> None:
        self.publish("val", self.evaluated_metrics("val"))

    def on_test_epoch_end(self) -> None:
        self.publish("test", self.evaluated_metrics("test"))

    def publish(self, split: str, metrics: dict[str, float]) -> None:
        """Pass the metrics of a whole split to Lightning's callbacks and, during training, to the loggers."""
        self.metrics = metrics
        self.log_dict(metrics, logger=False)
        if split == "val" and self.trainer.state.fn == "fit":
            self.write(metrics, self.global_step)

    def write(self, metrics: dict[str, float], step: int) -> None:
        """Write metrics directly to the loggers.

        Lightning would forward them after the callbacks of the step, so that a checkpoint of this step would lack its
        row, and would count steps from 0 after resuming.
        """
        for logger in self.trainer.loggers:
            logger.log_metrics({**metrics, "epoch": self.current_epoch}, step)


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the random generators of the host and of the device."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        # Not torch.manual_seed: without a GPU each call queues a deferred call together with a stack trace.
        torch.cuda.manual_seed(seed)
