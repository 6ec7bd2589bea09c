"""Split-conformal prediction: sets of classes and intervals of numbers with a stated probability of the right one.

Vovk, Gammerman and Shafer (2005); for classes the scores of Sadinle, Lei and Wasserman (2019), for numbers absolute
residuals (Lei et al. 2018). Where calibration and test examples are exchangeable, a set of level c holds the right
answer with probability at least c, and below c + 1 / (n + 1) where no scores tie, over draws of both.
"""

import math

import numpy as np


def rank_of(n: int, coverage: float) -> int:
    """Return ceil((n + 1) coverage), the rank of the threshold among n scores, 0 < coverage < 1."""
    return math.ceil(round((n + 1) * coverage, 9))  # 100 * 0.55 is 55.00000000000001


def least_examples(coverage: float) -> int:
    """Return the least number of calibration examples whose threshold is finite: the least n with rank <= n."""
    n = max(1, math.ceil(round(coverage / (1 - coverage), 9)) - 1)
    while rank_of(n, coverage) > n:
        n += 1
    return n


def threshold(scores: np.ndarray, coverage: float) -> float:
    """Return the ceil((n + 1) coverage)-th smallest of n nonconformity scores; infinite for too few of them."""
    rank = rank_of(len(scores), coverage)
    return math.inf if rank > len(scores) else float(np.sort(scores)[rank - 1])


def class_scores(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return 1 - p(label) (N,) from probabilities (N, C) and class ids (N,), float64."""
    scores: np.ndarray = 1.0 - probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return scores


def number_scores(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return |label - value| (N,), float64."""
    scores: np.ndarray = np.abs(labels.astype(np.float64) - values.reshape(labels.shape).astype(np.float64))
    return scores


def class_sets(probabilities: np.ndarray, limit: float) -> np.ndarray:
    """Return the sets (N, C) bool: classes whose score 1 - p is at most the threshold `limit`."""
    sets: np.ndarray = 1.0 - probabilities.astype(np.float64) <= limit
    return sets
