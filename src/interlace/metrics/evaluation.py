"""Metrics of a split, overall and by group."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import functional as M

from interlace.errors import UserError
from interlace.metrics import chosen as offered
from interlace.metrics.calibration import TemperatureScaling, calibration_error
from interlace.metrics.chosen import ChosenMetrics, Metric
from interlace.metrics.groups import Groups, named_groups, shared_values
from interlace.metrics.values import constant, pearson


def classification_metrics(
    probabilities: Tensor, labels: Tensor, groups: Groups, prefix: str, shared: frozenset[str] = frozenset()
) -> dict[str, float]:
    """Return accuracy, macro F1, loss (mean NLL) and expected calibration error of (N, C) against (N,).

    Accuracy is also given for each value of each group, as `<prefix>/accuracy/<value>`, or `<field>=<value>` for those
    in `shared`. F1 averages over the classes that occur in labels or predictions (as scikit-learn does); calibration
    uses 15 equal bins (Guo et al. 2017, equation 3). A row that is not finite counts as wrong, and the loss is
    then NaN.
    """
    num_classes = probabilities.shape[1]
    correct = ((probabilities.argmax(1) == labels) & probabilities.isfinite().all(1)).float()
    metrics = {
        f"{prefix}/accuracy": correct.mean().item(),
        f"{prefix}/f1": M.f1_score(
            probabilities, labels, task="multiclass", num_classes=num_classes, average="macro"
        ).item(),
        f"{prefix}/loss": F.nll_loss(probabilities.clamp_min(1e-12).log(), labels).item(),
        f"{prefix}/ece": calibration_error(probabilities, labels),
    }
    for name, rows in named_groups(groups, shared):
        metrics[f"{prefix}/accuracy/{name}"] = correct[torch.from_numpy(rows)].mean().item()
    return metrics


def regression_metrics(
    predictions: Tensor, labels: Tensor, groups: Groups, prefix: str, shared: frozenset[str] = frozenset()
) -> dict[str, float]:
    """Return mean absolute error, root mean squared error and Pearson correlation of (N,) against (N,).

    The correlation of a constant prediction is 0; that with constant labels, or of fewer than
    two examples, is left out. The error is also given by group, named as in `classification_metrics`.
    """
    error = (predictions - labels).abs()
    metrics = {f"{prefix}/mae": error.mean().item(), f"{prefix}/rmse": error.square().mean().sqrt().item()}
    if constant(labels) is None:
        metrics[f"{prefix}/pearson"] = pearson(predictions, labels)
    metrics[f"{prefix}/loss"] = 0.5 * error.square().mean().item()
    for name, rows in named_groups(groups, shared):
        metrics[f"{prefix}/mae/{name}"] = error[torch.from_numpy(rows)].mean().item()
    return metrics


def _of_values(
    predictions: Tensor, labels: Tensor, groups: Groups, prefix: str, shared: frozenset[str]
) -> dict[str, float]:
    return regression_metrics(predictions.reshape(labels.shape), labels, groups, prefix, shared)


def _uncorrelated(labels: Tensor) -> dict[str, str]:
    reason = constant(labels)
    return {} if reason is None else {"pearson": reason}


@dataclass(frozen=True)
class MetricSet:
    """Metrics of the answers of a task.

    `usual` returns `<prefix>/<name>` of `names`, those of `by_group` also for each group. `offered`: additional metrics
    that can be chosen, computed from answers converted by `prepared`. `undefined`: the undefined usual metrics of
    labels, with reasons. `has_softmax`: answers are probabilities of exclusive classes. `fit`, if any, is fitted to
    the answers on validation data before they are measured, and returns values to report (`val/<name>`).
    """

    of: str
    names: tuple[str, ...]
    by_group: tuple[str, ...]
    usual: Callable[[Tensor, Tensor, Groups, str, frozenset[str]], dict[str, float]]
    offered: Mapping[str, Metric] = field(default_factory=dict)
    undefined: Callable[[Tensor], dict[str, str]] = lambda labels: {}
    prepared: Callable[[Tensor, Tensor], Tensor] = lambda predictions, labels: predictions
    has_softmax: bool = False
    fit: Callable[[Tensor, Tensor], dict[str, float]] | None = None


CLASS_METRICS = MetricSet(
    of="classes",
    names=("accuracy", "f1", "loss", "ece"),
    by_group=("accuracy",),
    usual=classification_metrics,
    offered=offered.CLASSIFICATION,
    has_softmax=True,
)
NUMBER_METRICS = MetricSet(
    of="numbers",
    names=("mae", "rmse", "pearson", "loss"),
    by_group=("mae",),
    usual=_of_values,
    offered=offered.REGRESSION,
    undefined=_uncorrelated,
    prepared=lambda predictions, labels: predictions.reshape(labels.shape),
)


class Evaluator:
    """Metrics of the predictions of a split: usual metrics, additional ones, and calibration.

    `groups`: those of all splits, so that a group has the same name in each (`named_groups`).
    """

    def __init__(
        self,
        metrics: MetricSet,
        class_names: list[str],
        groups: Mapping[str, Groups],
        *,
        chosen: ChosenMetrics | None = None,
        scaling: TemperatureScaling | None = None,
    ) -> None:
        self.metrics = metrics
        self.shared = shared_values(groups)
        self.chosen = chosen
        self.scaling = scaling
        if scaling is not None and not metrics.has_softmax:
            raise UserError(
                f"calibration: it scales probabilities of classes, and these data have {metrics.of}; leave it out"
            )
        if chosen is not None:
            chosen.bind(metrics.of, metrics.offered, class_names)

    def __call__(
        self, predictions: Tensor, labels: Tensor, groups: Groups, prefix: str, *, final: bool = False
    ) -> dict[str, float]:
        """Return `<prefix>/<name>` and `<prefix>/<name>/<group>` of answers (N, ...) and labels (N, ...).

        `final`: the model is trained; the temperature is then fitted to validation data and applied to test data.
        """
        learned = self.metrics.fit(predictions, labels) if self.metrics.fit is not None and prefix == "val" else {}
        metrics = self.metrics.usual(predictions, labels, groups, prefix, self.shared)
        metrics |= {f"{prefix}/{name}": value for name, value in learned.items()}
        predictions = self.metrics.prepared(predictions, labels)
        if self.chosen is not None:
            metrics |= {f"{prefix}/{name}": value for name, value in self.chosen(predictions, labels).items()}
            for group, rows in named_groups(groups, self.shared):
                part = torch.from_numpy(rows)
                found = self.chosen(predictions[part], labels[part])
                metrics |= {f"{prefix}/{name}/{group}": value for name, value in found.items()}
        if self.scaling is not None and final and prefix == "val":
            metrics["val/temperature"] = self.scaling.fit(predictions, labels)
        elif self.scaling is not None and self.scaling.temperature is not None and prefix == "test":
            metrics |= self.scaling.metrics(predictions, labels, prefix)
        return metrics

    def names(self, groups: Groups) -> list[str]:
        """Return the names of the metrics of a split with these groups, overall and by group."""
        chosen = [] if self.chosen is None else list(self.chosen.metrics)
        parts = [name for name, _ in named_groups(groups, self.shared)]
        split = dict.fromkeys([*self.metrics.by_group, *chosen])
        return list(
            dict.fromkeys([*self.metrics.names, *chosen, *(f"{name}/{part}" for name in split for part in parts)])
        )

    def undefined(self, labels: Tensor) -> dict[str, str]:
        """Return the undefined metrics, which are left out, for labels (N,) of a split or group, with reasons."""
        found = {} if self.chosen is None else self.chosen.undefined(labels)
        return {**self.metrics.undefined(labels), **found}

    def notes(self, name: str, labels: Tensor, groups: Groups) -> list[str]:
        """Return notes on the metrics of the split `name` that are left out, overall and by group, with reasons."""
        whole = self.undefined(labels)
        notes = [f"{name}/{metric} is undefined and left out: {reason}" for metric, reason in whole.items()]
        parts: dict[str, list[str]] = {}
        for group, rows in named_groups(groups, self.shared):
            for metric in self.chosen.undefined(labels[torch.from_numpy(rows)]) if self.chosen is not None else ():
                if metric not in whole:
                    parts.setdefault(metric, []).append(group)
        for metric, names in parts.items():
            listed = ", ".join(names[:5]) + (f" and {len(names) - 5} others" if len(names) > 5 else "")
            notes.append(
                f"{name}/{metric} is undefined and left out for the groups {listed}, whose labels are too alike"
            )
        return notes


def labels_of(labels: np.ndarray) -> Tensor:
    """Return a copy of labels (N,) as a tensor."""
    return torch.from_numpy(np.array(labels))
