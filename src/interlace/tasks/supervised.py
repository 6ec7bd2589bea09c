"""Classification and regression from any number of modalities."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from interlace.fusion.base import Fusion
from interlace.metrics.evaluation import classification_metrics, regression_metrics
from interlace.objectives.supervised import SupervisedObjective
from interlace.tasks.base import Task
from interlace.tokens import Fused, Raw


class MultimodalModel(nn.Module):
    """Encoders, then fusion, then a head: `forward(inputs) -> (prediction, Fused)`.

    prediction is (B, C) logits or (B,) values. A fusion that decides by itself (late fusion) has no head.
    """

    def __init__(self, encoders: Mapping[str, nn.Module], fusion: Fusion, head: nn.Module | None) -> None:
        super().__init__()
        # Names are the user's own and may hold dots or shadow attributes, which ModuleDict keys may not.
        self.names = list(encoders)
        self.encoders = nn.ModuleList(encoders.values())
        self.fusion = fusion
        self.head = head

    def forward(self, inputs: Mapping[str, Raw]) -> tuple[Tensor, Fused]:
        tokens = {
            name: encoder(inputs[name])
            for name, encoder in zip(self.names, self.encoders, strict=True)
            if name in inputs
        }
        fused: Fused = self.fusion(tokens)
        if self.head is not None:
            return self.head(fused), fused
        assert fused.logits is not None, "a fusion without logits needs a head"
        return fused.logits, fused


class SupervisedTask(Task):
    """Trains a MultimodalModel; collects the predictions of each evaluation and turns them into metrics once."""

    model: MultimodalModel

    def __init__(
        self,
        model: MultimodalModel,
        objective: SupervisedObjective,
        *,
        task: Literal["classification", "regression"],
        seed: int,
        build_optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        build_schedule: Callable[[], Callable[[int], float]],
        groups: Mapping[str, Mapping[str, np.ndarray]],
        log_every_steps: int,
    ) -> None:
        super().__init__(
            model,
            seed=seed,
            build_optimizer=build_optimizer,
            build_schedule=build_schedule,
            log_every_steps=log_every_steps,
        )
        self.objective = objective
        self.task = task
        self.groups = groups
        self.collected: list[tuple[Tensor, Tensor, Tensor]] = []

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        prediction, fused = self.model(batch["inputs"])
        losses = self._losses(prediction, batch["label"], fused)
        self.log_training(lambda: {k: v.item() for k, v in losses.items()})
        return losses["loss"]

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self._collect(batch)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self._collect(batch)

    def on_validation_epoch_end(self) -> None:
        self.publish("val", self._metrics("val"))

    def on_test_epoch_end(self) -> None:
        self.publish("test", self._metrics("test"))

    def _losses(self, prediction: Tensor, label: Tensor, fused: Fused) -> dict[str, Tensor]:
        fusion = self.model.fusion
        return self.objective(
            prediction,
            label,
            fused,
            task=self.task,
            joint_weight=fusion.joint_loss_weight,
            unimodal_weight=fusion.unimodal_loss_weight,
        )

    def _collect(self, batch: dict[str, Any]) -> None:
        prediction, _ = self.model(batch["inputs"])
        prediction = prediction.float()
        if self.task == "classification":
            prediction = prediction.softmax(-1)
        self.collected.append((batch["index"].cpu(), prediction.cpu(), batch["label"].cpu()))

    def _metrics(self, split: str) -> dict[str, float]:
        index, prediction, label = self.take_collected()
        groups = {name: values[index.numpy()] for name, values in self.groups.get(split, {}).items()}
        if self.task == "classification":
            metrics = classification_metrics(prediction, label, groups, split)
        else:
            metrics = regression_metrics(prediction.reshape(label.shape), label, groups, split)
        self.evaluated = (index, prediction, label)
        return metrics

    def take_collected(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rows (N,), predictions (N, C) or (N,) and labels (N,) seen since the last call, in order of row."""
        index, prediction, label = (torch.cat(parts) for parts in zip(*self.collected, strict=True))
        self.collected = []
        order = index.argsort()
        return index[order], prediction[order], label[order]
