"""Bradley-Terry strengths from paired comparisons with ties (Davidson 1970), by maximum likelihood.

P(i beats j) = p_i / D and P(tie) = v sqrt(p_i p_j) / D, with D = p_i + p_j + v sqrt(p_i p_j). The strengths are the
log p_i with mean zero; with no tie v is 0, which is the model of Bradley and Terry (1952).
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from interlace.statistics.intervals import Floats

RIDGE = 1e-6  # of the square of a parameter: it makes the mean zero, and what separated data give finite
STEP = 2.0  # the largest change of a parameter in one step of Newton's method
UNBOUNDED = 8.0  # an absolute strength above it is infinite but for the ridge


def count_outcomes(
    first: NDArray[np.int64], second: NDArray[np.int64], outcomes: Floats, weights: Floats, systems: int
) -> Floats:
    """Return wins, ties and losses of the first system of each pair i < j, (B, pairs, 3), under `weights` (B, K).

    `first`, `second` (K,): the systems of a comparison. `outcomes` (K,): 1 if the first won, 0.5 tie, 0 lost.
    """
    low, high = np.minimum(first, second), np.maximum(first, second)
    pair = low * (2 * systems - low - 1) // 2 + high - low - 1  # number of (i, j) among the pairs i < j
    lost = np.rint(2 * (1 - np.where(first < second, outcomes, 1 - outcomes))).astype(np.int64)  # 0 won, 1 tie, 2 lost
    num_pairs, rows = systems * (systems - 1) // 2, len(first)
    cells = csr_array((np.ones(rows), (np.arange(rows), 3 * pair + lost)), shape=(rows, 3 * num_pairs))
    return np.asarray((cells.T @ weights.T).T.reshape(-1, num_pairs, 3))


def is_estimable(counts: Floats, systems: int) -> bool:
    """Return True if the likelihood of `counts` (pairs, 3) has a finite maximum (Ford 1957).

    In every division of the systems into two groups some system of each group must have won against, or tied with, one
    of the other.
    """
    beaten = np.zeros((systems, systems))
    for (i, j), (wins, ties, losses) in zip(combinations(range(systems), 2), counts, strict=True):
        beaten[i, j], beaten[j, i] = wins + ties, losses + ties
    return int(connected_components(beaten > 0, directed=True, connection="strong")[0]) == 1


def strengths(counts: Floats, systems: int, iterations: int = 100) -> tuple[Floats, Floats]:
    """Return the strengths (B, systems) and the v (B,) that maximise the likelihood of each `counts` (B, pairs, 3).

    Newton's method on a concave function. Strengths that have no finite maximum come out beyond `UNBOUNDED`.
    """
    ties = bool(counts[:, :, 1].any())
    features = _features(systems, ties)  # (pairs, 3, parameters)
    parameters = np.zeros((len(counts), features.shape[2]))
    totals = counts.sum(axis=2)  # (B, pairs)
    ridge = RIDGE * np.eye(features.shape[2])
    flat = features.reshape(-1, features.shape[2])  # (3 pairs, parameters)
    squares = (flat[:, :, None] * flat[:, None, :]).reshape(len(flat), -1)
    for _ in range(iterations):
        logits = (parameters @ flat.T).reshape(counts.shape)
        if not ties:
            logits[:, :, 1] = -np.inf
        chances = np.exp(logits - logits.max(axis=2, keepdims=True))
        chances /= chances.sum(axis=2, keepdims=True)
        expected = totals[:, :, None] * chances
        gradient = (counts - expected).reshape(len(counts), -1) @ flat - RIDGE * parameters
        if np.abs(gradient).max(initial=0.0) < 1e-9 * max(1.0, float(totals.max(initial=0.0))):
            break
        means = np.einsum("bpo,poq->bpq", chances, features) * np.sqrt(totals)[:, :, None]
        second = (expected.reshape(len(counts), -1) @ squares).reshape(len(counts), *ridge.shape)
        second -= means.swapaxes(1, 2) @ means
        parameters += np.clip(np.linalg.solve(second + ridge, gradient[:, :, None])[:, :, 0], -STEP, STEP)
    found = parameters[:, :systems] - parameters[:, :systems].mean(axis=1, keepdims=True)
    return found, np.exp(parameters[:, -1]) if ties else np.zeros(len(counts))


def _features(systems: int, ties: bool) -> Floats:
    """Return the coefficients of the strengths and of log v in the logit of win, tie and loss of each pair."""
    pairs = list(combinations(range(systems), 2))
    found = np.zeros((len(pairs), 3, systems + ties))
    for row, (i, j) in enumerate(pairs):
        found[row, 0, i] = found[row, 2, j] = 1.0
        if ties:
            found[row, 1, [i, j]] = 0.5
            found[row, 1, -1] = 1.0
    return found
