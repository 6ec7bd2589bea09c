"""Metrics of classes: probabilities (N, C) against class ids (N,).

If a row is not finite, every metric here is NaN. Averages over classes are over those that occur in the labels or
predictions, as stated in the docstrings. Equal to scikit-learn's functions of these names.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import functional as M


def no_rows(labels: Tensor) -> str | None:
    """Return the reason why metrics of an empty set are undefined, or None."""
    return None if len(labels) else "there is no example"


def one_class(labels: Tensor) -> str | None:
    """Return the reason why rankings and agreement are undefined for a single class, or None."""
    return None if len(labels.unique()) > 1 else "all examples are of one class"


def _finite_only(compute: Callable[..., float]) -> Callable[..., float]:
    """Return a metric that is NaN if a probability is not finite."""

    def checked(probabilities: Tensor, labels: Tensor, *more: Any) -> float:
        return compute(probabilities, labels, *more) if bool(probabilities.isfinite().all()) else math.nan

    return checked


@_finite_only
def accuracy(probabilities: Tensor, labels: Tensor) -> float:
    """Share of correct predictions."""
    return (probabilities.argmax(1) == labels).double().mean().item()


@_finite_only
def balanced_accuracy(probabilities: Tensor, labels: Tensor) -> float:
    """Mean recall of the classes that occur in the labels."""
    right = (probabilities.argmax(1) == labels).double()
    return torch.stack([right[labels == each].mean() for each in labels.unique()]).mean().item()


def _f1(probabilities: Tensor, labels: Tensor, average: Any) -> float:
    answers, num_classes = probabilities.argmax(1), probabilities.shape[1]
    return M.f1_score(answers, labels, task="multiclass", num_classes=num_classes, average=average).item()


@_finite_only
def f1_macro(probabilities: Tensor, labels: Tensor) -> float:
    """Mean F1 of the classes that occur in labels or predictions."""
    return _f1(probabilities, labels, "macro")


@_finite_only
def f1_weighted(probabilities: Tensor, labels: Tensor) -> float:
    """Mean F1 of the classes, weighted by their frequency in the labels."""
    return _f1(probabilities, labels, "weighted")


@_finite_only
def f1_micro(probabilities: Tensor, labels: Tensor) -> float:
    """F1 from true positives, false negatives and false positives summed over classes; equal to accuracy."""
    return _f1(probabilities, labels, "micro")


@_finite_only
def f1_binary(probabilities: Tensor, labels: Tensor, positive: int) -> float:
    """F1 of the positive of two classes; 0 if it occurs neither in labels nor in predictions."""
    return M.f1_score((probabilities.argmax(1) == positive).long(), (labels == positive).long(), task="binary").item()


def _over_occurring(measure: Callable[..., Any], probabilities: Tensor, labels: Tensor, positive: int) -> float:
    """Return a one-against-rest measure: of the positive of two classes, else the mean over classes in the labels."""
    looked_for = [positive] if probabilities.shape[1] == 2 else labels.unique().tolist()
    found = [measure(probabilities[:, each], (labels == each).long(), task="binary") for each in looked_for]
    return torch.stack(found).double().mean().item()


@_finite_only
def auroc(probabilities: Tensor, labels: Tensor, positive: int) -> float:
    """Area under the ROC curve: of the positive class of two, else the mean of one against the rest over the classes
    in the labels."""
    return _over_occurring(M.auroc, probabilities, labels, positive)


@_finite_only
def average_precision(probabilities: Tensor, labels: Tensor, positive: int) -> float:
    """Precision averaged over the steps of recall: of the positive class of two, else the mean of one against the rest
    over the classes in the labels."""
    return _over_occurring(M.average_precision, probabilities, labels, positive)


@_finite_only
def mcc(probabilities: Tensor, labels: Tensor) -> float:
    """Matthews correlation coefficient (R_k of Gorodkin 2004 for more classes); 0 if all predictions are equal."""
    answers = probabilities.argmax(1)
    if len(answers.unique()) == 1:
        return 0.0
    return M.matthews_corrcoef(answers, labels, task="multiclass", num_classes=probabilities.shape[1]).item()


@_finite_only
def cohen_kappa(probabilities: Tensor, labels: Tensor) -> float:
    """Cohen's kappa: agreement beyond that of independent predictions with the same class shares."""
    answers = probabilities.argmax(1)
    return M.cohen_kappa(answers, labels, task="multiclass", num_classes=probabilities.shape[1]).item()


@_finite_only
def quadratic_weighted_kappa(probabilities: Tensor, labels: Tensor) -> float:
    """Cohen's kappa of ordered classes: errors are weighted by the squared distance in class ids."""
    answers, num_classes = probabilities.argmax(1), probabilities.shape[1]
    return M.cohen_kappa(answers, labels, task="multiclass", num_classes=num_classes, weights="quadratic").item()


@_finite_only
def brier(probabilities: Tensor, labels: Tensor) -> float:
    """Mean over examples of the squared error summed over classes (Brier 1950): 0 to 2."""
    wanted = F.one_hot(labels, probabilities.shape[1])
    return (probabilities.double() - wanted).square().sum(1).mean().item()


@_finite_only
def negative_log_likelihood(probabilities: Tensor, labels: Tensor) -> float:
    """Mean over examples of -log of the probability of the label, which is at least 1e-12."""
    return F.nll_loss(probabilities.double().clamp_min(1e-12).log(), labels).item()
