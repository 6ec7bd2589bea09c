"""Metrics of CMU-MOSI and CMU-MOSEI: scores from -3 to 3, predictions (N,) against labels (N,).

Two versions of binary accuracy are in use, and papers with one number do not always state which:

- `has0`: negative against non-negative, x < 0 against x >= 0, over all examples (Zadeh et al. 2018; MMSA's Has0_acc_2);
- `non0`: negative against positive, x < 0 against x > 0, over the examples whose label is not 0 (Tsai et al. 2019,
  `exclude_zero=True`; MMSA's Non0_acc_2); a prediction of exactly 0 counts as negative, as there.

F1 is the mean over both classes, weighted by their share of the labels. The published code of Tsai et al.
(`eval_mosei_senti`) passes predictions and labels to scikit-learn in the wrong order and thus weights by the share of
the predictions; later code (MMSA) weights by the labels, as here. Accuracy of seven and of five classes rounds half to
even (NumPy) after clipping predictions and labels to [-3, 3] or [-2, 2].
"""

import math

from torch import Tensor
from torchmetrics import functional as M


def only_zeros(labels: Tensor) -> str | None:
    """Return the reason why metrics of a set without negative and positive labels are undefined, or None."""
    return None if bool((labels != 0).any()) else "no label is other than 0"


def acc2_has0(predictions: Tensor, labels: Tensor) -> float:
    """Accuracy of negative against non-negative, over all examples."""
    return _accuracy(predictions >= 0, labels >= 0, predictions)


def f1_has0(predictions: Tensor, labels: Tensor) -> float:
    """Weighted F1 of negative against non-negative, over all examples."""
    return _f1(predictions >= 0, labels >= 0, predictions)


def acc2_non0(predictions: Tensor, labels: Tensor) -> float:
    """Accuracy of negative against positive, over the examples whose label is not 0."""
    kept = labels != 0
    return _accuracy(predictions[kept] > 0, labels[kept] > 0, predictions)


def f1_non0(predictions: Tensor, labels: Tensor) -> float:
    """Weighted F1 of negative against positive, over the examples whose label is not 0."""
    kept = labels != 0
    return _f1(predictions[kept] > 0, labels[kept] > 0, predictions)


def acc7(predictions: Tensor, labels: Tensor) -> float:
    """Accuracy of scores rounded to the seven classes -3 to 3."""
    return _accuracy(predictions.clamp(-3, 3).round(), labels.clamp(-3, 3).round(), predictions)


def acc5(predictions: Tensor, labels: Tensor) -> float:
    """Accuracy of scores rounded to the five classes -2 to 2."""
    return _accuracy(predictions.clamp(-2, 2).round(), labels.clamp(-2, 2).round(), predictions)


def _accuracy(answers: Tensor, wanted: Tensor, predictions: Tensor) -> float:
    return (answers == wanted).double().mean().item() if bool(predictions.isfinite().all()) else math.nan


def _f1(answers: Tensor, wanted: Tensor, predictions: Tensor) -> float:
    if not bool(predictions.isfinite().all()):
        return math.nan
    return M.f1_score(answers.long(), wanted.long(), task="multiclass", num_classes=2, average="weighted").item()
