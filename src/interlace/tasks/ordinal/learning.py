"""Ordinal classification: loss, probabilities and metrics."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from interlace.errors import UserError
from interlace.metrics.classes import one_class
from interlace.metrics.evaluation import MetricSet
from interlace.metrics.groups import Groups, named_groups
from interlace.metrics.measures import Measure
from interlace.nn.precision import at_least_float32
from interlace.tasks.learning import TaskLearning
from interlace.tasks.ordinal.task import median_class

if TYPE_CHECKING:
    from interlace.objectives.supervised import SupervisedObjective


class OrdinalLearning(TaskLearning):
    """Sum of the C - 1 binary cross-entropies of P(y > k) (CORAL, Cao et al. 2020, equation 4)."""

    def losses(self, prediction: Tensor, label: Tensor, objective: "SupervisedObjective") -> Tensor:
        """Return sum_k BCE(sigma(logit_k), y > k), (B,). Raises UserError for label smoothing (no order)."""
        if objective.label_smoothing:
            raise UserError(
                "objective.label_smoothing: it moves chance to all classes alike, and these are ordered; set 0"
            )
        logits = at_least_float32(prediction)
        above = (label.unsqueeze(1) > torch.arange(logits.shape[1], device=label.device)).to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, above, reduction="none").sum(1)

    def activate(self, prediction: Tensor, label: Tensor | None = None) -> Tensor:
        """Return probabilities of classes (B, C): differences of P(y > k).

        P(y > k) is made non-increasing in k, which only `OrdinalHead` guarantees.
        """
        above = at_least_float32(prediction).sigmoid().cummin(1).values
        edge = above.new_ones(len(above), 1)
        return torch.cat([edge, above], 1) - torch.cat([above, above.new_zeros(len(above), 1)], 1)

    def metrics(self, classes: Sequence[str]) -> MetricSet:
        """Return the metrics: MAE in classes, accuracy, quadratic weighted kappa, negative log likelihood."""
        return MetricSet(
            of=self.spec.labels,
            names=self.spec.usual,
            by_group=("mae", "accuracy"),
            usual=usual,
            undefined=lambda labels: {} if (reason := one_class(labels)) is None else {"qwk": reason},
        )

    def item_score(self, output: Tensor, label: Tensor) -> tuple[str, Tensor]:
        """Return the distance to the label in classes."""
        return "mae", (_median(self.activate(output)) - label).abs().float()

    def has_label(self, label: Tensor) -> Tensor:
        """See `TaskLearning`."""
        return label >= 0

    def filled(self, label: Tensor) -> Tensor:
        """See `TaskLearning`."""
        return label.clamp_min(0)

    def measure(self, labels: np.ndarray, train_labels: np.ndarray) -> Measure:
        """Return the accuracy of the median class; chance level: the median of the training labels."""
        constant = np.sort(train_labels)[(len(train_labels) - 1) // 2]

        def accuracy(outputs: np.ndarray, wanted: np.ndarray) -> float:
            return float(((outputs > 0).sum(1) == wanted).mean())  # P(y > k) above 1/2

        return Measure("accuracy", accuracy, float((labels == constant).mean()))

    def answered_share(self, outputs: np.ndarray, answer: np.ndarray) -> np.ndarray:
        """Return the probability of the predicted class."""
        probabilities: np.ndarray = self.activate(torch.from_numpy(outputs)).numpy()
        return probabilities[:, int((answer > 0).sum())]

    def discrete(self, values: np.ndarray, *, outputs: bool) -> np.ndarray | None:
        """Return class ids."""
        return (values > 0).sum(1) if outputs else values

    def described_answer(self, output: np.ndarray, classes: Sequence[str]) -> tuple[str, float | None]:
        """Return the class and its probability."""
        index = int((output[0] > 0).sum())
        return classes[index], float(self.activate(torch.from_numpy(output.astype(np.float64)))[0, index])


def usual(predictions: Tensor, labels: Tensor, groups: Groups, prefix: str, shared: frozenset[str]) -> dict[str, float]:
    """Return the default metrics of probabilities (N, C) against class ids (N,), mae and accuracy also by group.

    NaN if a probability is not finite; in accuracy such an example counts as wrong.
    """
    finite = predictions.isfinite().all(1)
    given = _median(predictions)
    right, distance = (given == labels) & finite, torch.where(finite, (given - labels).abs().double(), math.nan)
    found = {"mae": distance.mean().item(), "accuracy": right.double().mean().item()}
    if one_class(labels) is None:
        found["qwk"] = kappa(given, labels, predictions.shape[1]) if bool(finite.all()) else math.nan
    found["loss"] = F.nll_loss(predictions.double().clamp_min(1e-12).log(), labels).item()
    for name, rows in named_groups(groups, shared):
        part = torch.from_numpy(rows)
        found |= {f"mae/{name}": distance[part].mean().item(), f"accuracy/{name}": right[part].double().mean().item()}
    return {f"{prefix}/{name}": value for name, value in found.items()}


def kappa(given: Tensor, wanted: Tensor, num_classes: int) -> float:
    """Return the quadratic weighted kappa of class ids (N,)."""
    from torchmetrics import functional as M

    return M.cohen_kappa(given, wanted, task="multiclass", num_classes=num_classes, weights="quadratic").item()


def _median(probabilities: Tensor) -> Tensor:
    return torch.from_numpy(median_class(probabilities.nan_to_num(0.0).cpu().numpy())).to(probabilities.device)
