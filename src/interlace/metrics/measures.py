"""Scores of outputs, as one number of which higher is better."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Outputs = np.ndarray  # (n, C) logits or probabilities of classes, or (n,) or (n, 1) values
Score = Callable[[Outputs, np.ndarray], float]


@dataclass(frozen=True)
class Measure:
    """A score with its name and its value without any input (`chance`) on the given labels."""

    name: str
    score: Score
    chance: float


def accuracy(outputs: Outputs, labels: np.ndarray) -> float:
    """Return the share of rows whose largest output is at the label (n,); of equal outputs the first counts."""
    return float((outputs.argmax(1) == labels).mean())


def r_squared(outputs: Outputs, labels: np.ndarray) -> float:
    """Return the coefficient of determination, 1 - sum (y - f)^2 / sum (y - mean y)^2; 0 for the mean of the labels.

    For constant labels, where it is undefined, it is 0.
    """
    labels = np.asarray(labels, dtype=np.float64)
    total = float(np.square(labels - labels.mean()).sum())
    error = float(np.square(np.asarray(outputs, dtype=np.float64).reshape(labels.shape) - labels).sum())
    return 1.0 - error / total if total > 0 else 0.0
