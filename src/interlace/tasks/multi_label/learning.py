"""Multi-label classification: loss, probabilities, thresholds and metrics."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import functional as M

from interlace.metrics.chosen import Metric
from interlace.metrics.classes import no_rows
from interlace.metrics.evaluation import MetricSet
from interlace.metrics.groups import Groups, named_groups
from interlace.metrics.measures import Measure
from interlace.nn.precision import at_least_float32
from interlace.tasks.learning import TaskLearning
from interlace.tasks.multi_label.task import UNTUNED

_precision: Any = M.average_precision
_area: Any = M.auroc

if TYPE_CHECKING:
    from interlace.objectives.supervised import SupervisedObjective


class MultiLabelLearning(TaskLearning):
    """Mean over classes of the binary cross-entropy of logits (B, C)."""

    def losses(self, prediction: Tensor, label: Tensor, objective: "SupervisedObjective") -> Tensor:
        """Return the BCE with weights of positive classes; label smoothing s makes targets s / 2 and 1 - s / 2."""
        logits = at_least_float32(prediction)
        wanted = label.to(logits.dtype) * (1 - objective.label_smoothing) + objective.label_smoothing / 2
        weights = None if self.spec.weights is None else torch.as_tensor(self.spec.weights).to(logits)
        return F.binary_cross_entropy_with_logits(logits, wanted, pos_weight=weights, reduction="none").mean(1)

    def activate(self, prediction: Tensor, label: Tensor | None = None) -> Tensor:
        """Return probabilities (B, C)."""
        return at_least_float32(prediction).sigmoid()

    def metrics(self, classes: Sequence[str]) -> MetricSet:
        """Return the metrics: F1 (micro, macro), mAP, subset accuracy, Hamming loss and BCE."""

        def limits() -> Tensor:
            return torch.from_numpy(self.spec.thresholds(classes))

        def usual(
            predictions: Tensor, labels: Tensor, groups: Groups, prefix: str, shared: frozenset[str]
        ) -> dict[str, float]:
            found = compute_metrics(predictions, labels, limits())
            found |= {f"f1_micro/{name}": f1(predictions[rows], labels[rows], limits(), "micro") for name, part in
                      named_groups(groups, shared) for rows in [torch.from_numpy(part)]}  # fmt: skip
            return {f"{prefix}/{name}": value for name, value in found.items()}

        def fit(predictions: Tensor, labels: Tensor) -> dict[str, float]:
            chosen = best_thresholds(predictions.numpy(), labels.numpy())
            self.spec.tuned = dict(zip(classes, chosen.tolist(), strict=True))
            return {f"threshold/{name}": value for name, value in self.spec.tuned.items()}

        offered: dict[str, Callable[[Tensor, Tensor], float]] = {
            "f1_samples": lambda p, y: f1(p, y, limits(), "samples"),
            "f1_weighted": lambda p, y: f1(p, y, limits(), "weighted"),
            "auroc": auroc,
        }
        undefined = {"auroc": never_two}
        return MetricSet(
            of=self.spec.labels,
            names=self.spec.usual,
            by_group=("f1_micro",),
            usual=usual,
            offered={name: Metric(compute, undefined.get(name, no_rows)) for name, compute in offered.items()},
            undefined=lambda labels: {} if bool(labels.any()) else {"map": "no example has a label"},
            fit=fit if self.spec.threshold == "tuned" else None,
        )

    def item_score(self, output: Tensor, label: Tensor) -> tuple[str, Tensor]:
        """Return the share of wrong classes, with a threshold of 0.5."""
        return "hamming_loss", ((output > 0) != (label > 0)).float().mean(1)

    def measure(self, labels: np.ndarray, train_labels: np.ndarray) -> Measure:
        """Micro F1 at the run's thresholds; chance always answers the classes that are most frequent in training, as
        many as are best there."""
        num_classes = labels.shape[1]
        limits = torch.from_numpy(self._limits(num_classes))

        def f1_micro(outputs: np.ndarray, wanted: np.ndarray) -> float:
            return f1(torch.from_numpy(outputs).sigmoid(), torch.from_numpy(wanted), limits, "micro")

        chance = self.spec.constant(train_labels, labels, range(num_classes))["f1_micro"]
        return Measure("f1_micro", f1_micro, float(chance or 0.0))

    def answered_share(self, outputs: np.ndarray, answer: np.ndarray) -> np.ndarray:
        """The mean probability of the classes that were answered; where none was, that of leaving each class out."""
        probabilities, given = expit(outputs), self._given(answer)[0]
        share: np.ndarray = probabilities[:, given].mean(1) if given.any() else 1.0 - probabilities.mean(1)
        return share

    def discrete(self, values: np.ndarray, *, outputs: bool) -> np.ndarray | None:
        """Ids of the sets of classes."""
        sets = self._given(values) if outputs else values > 0
        return np.unique(sets, axis=0, return_inverse=True)[1].reshape(-1)

    def described_answer(self, output: np.ndarray, classes: Sequence[str]) -> tuple[str, float | None]:
        """The classes with commas, without a probability: each has one."""
        return ", ".join(classes[index] for index in np.flatnonzero(self._given(output)[0]).tolist()) or "none", None

    def _given(self, outputs: np.ndarray) -> np.ndarray:
        """The classes that outputs (n, C) answer, (n, C) bool."""
        given: np.ndarray = expit(outputs) >= self._limits(outputs.shape[1])
        return given

    def _limits(self, num_classes: int) -> np.ndarray:
        """Thresholds (C,): `restore` took them in by class, in the order of the outputs."""
        limits: np.ndarray = self.spec.thresholds(tuple(self.spec.tuned) or ("",) * num_classes)
        return limits


def compute_metrics(probabilities: Tensor, labels: Tensor, thresholds: Tensor) -> dict[str, float]:
    """Return the default metrics of probabilities (N, C) against labels (N, C); NaN if a probability is not finite.

    mAP is the mean over the classes that occur in the labels; it is left out if there are none.
    """
    if not bool(probabilities.isfinite().all()):
        return dict.fromkeys(("f1_micro", "f1_macro", "map", "subset_accuracy", "hamming_loss", "loss"), math.nan)
    given, wanted = probabilities >= thresholds, labels > 0
    found = {name: f1(probabilities, labels, thresholds, name[3:]) for name in ("f1_micro", "f1_macro")}
    occurring = [c for c in range(labels.shape[1]) if bool(wanted[:, c].any())]
    if occurring:
        each = [_precision(probabilities[:, c], wanted[:, c].long(), task="binary") for c in occurring]
        found["map"] = float(np.mean([float(value) for value in each]))
    found["subset_accuracy"] = (given == wanted).all(1).double().mean().item()
    found["hamming_loss"] = (given != wanted).double().mean().item()
    found["loss"] = F.binary_cross_entropy(probabilities.double(), wanted.double()).item()
    return found


def f1(probabilities: Tensor, labels: Tensor, thresholds: Tensor, average: str) -> float:
    """Return F1 averaged as in scikit-learn ("micro", "macro", "weighted", "samples").

    Without labels and predictions F1 is 0 for a class and 1 for an example. NaN if a probability is not finite.
    """
    if not bool(probabilities.isfinite().all()):
        return math.nan
    given, wanted = probabilities >= thresholds, labels > 0
    axis = 1 if average == "samples" else 0
    hits, sizes = (given & wanted).sum(axis).double(), (given.sum(axis) + wanted.sum(axis)).double()
    if average == "micro":
        hits, sizes = hits.sum(0, keepdim=True), sizes.sum(0, keepdim=True)
    nothing = 1.0 if average == "samples" else 0.0
    each = torch.where(sizes > 0, 2 * hits / sizes.clamp_min(1), nothing)
    if average != "weighted":
        return each.mean().item()
    weights = wanted.sum(0).double()
    return ((each * weights).sum() / weights.sum().clamp_min(1)).item()


def auroc(probabilities: Tensor, labels: Tensor) -> float:
    """Return the mean AUROC over the classes that some, but not all, examples have."""
    if not bool(probabilities.isfinite().all()):
        return math.nan
    both = [c for c in range(labels.shape[1]) if len(labels[:, c].unique()) > 1]
    each = [_area(probabilities[:, c], (labels[:, c] > 0).long(), task="binary") for c in both]
    return float(np.mean([float(value) for value in each]))


def never_two(labels: Tensor) -> str | None:
    """Return the reason why AUROC is undefined, or None."""
    return None if bool((labels != labels[:1]).any()) else "all examples have the same labels"


def best_thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the threshold (C,) with the best F1 of each class on (N, C), half-way between two probabilities.

    Of several, the one with the fewest predictions; 0.5 for a class that no example has. Cost O(C N log N).
    """
    found = np.full(probabilities.shape[1], UNTUNED)
    if not np.isfinite(probabilities).all():
        return found
    for c in range(probabilities.shape[1]):
        total = int((labels[:, c] > 0).sum())
        if not total:
            continue
        order = np.argsort(-probabilities[:, c], kind="stable")
        p = probabilities[order, c].astype(np.float64)
        hits = np.cumsum(labels[order, c] > 0)
        scores = 2 * hits / (np.arange(1, len(p) + 1) + total)  # F1 if the first 1, 2, ... examples are predicted
        ends = np.append(p[1:] < p[:-1], True)  # equal probabilities have the same prediction
        best = int(np.where(ends, scores, -1.0).argmax())
        found[c] = (p[best] + p[best + 1]) / 2 if best + 1 < len(p) else p[best] / 2
    return found
