"""Corrections for multiple comparisons, and permutation tests over seeds."""

import itertools
import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from interlace.statistics.intervals import MIN_SEEDS, NAN, Floats, finite

EXACT_SEEDS = 16  # up to here all 2^n sign patterns are enumerated


def holm(p_values: Sequence[float], comparisons: int | None = None) -> list[float]:
    """Adjust p-values by Holm's step-down correction; a NaN stays NaN and does not count as a comparison.

    The i-th smallest of m p-values is multiplied by m - i + 1, made nondecreasing and limited to 1 (Holm 1979).
    `comparisons` sets m if the p-values are a selection from more possible comparisons.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(p), NAN)
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]  # NaN sorts last
    most = max(len(order), comparisons or 0)
    stepped = np.maximum.accumulate(p[order] * (most - np.arange(len(order)))) if len(order) else p[order]
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def sign_flip_p(differences: ArrayLike, resamples: int = 20_000, seed: int = 0) -> float:
    """Return the two-sided p-value of the sign-flip permutation test of a zero mean.

    It enumerates all 2^n patterns up to 16 seeds, else it uses `resamples` seeded draws and the observed one (Phipson &
    Smyth 2010). NaN below three pairs. It cannot be below 2 / 2^n: see `seeds_to_reject`.
    """
    x = finite(differences)
    if len(x) < MIN_SEEDS:
        return NAN
    observed = abs(float(x.sum()))
    tolerance = 1e-9 * float(np.abs(x).sum())
    if len(x) <= EXACT_SEEDS:
        return float(np.mean(np.abs(_sign_patterns(len(x)) @ x) >= observed - tolerance))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(resamples, len(x)))
    return float((1 + np.sum(np.abs(signs @ x) >= observed - tolerance)) / (resamples + 1))


def seeds_to_reject(level: float = 0.05, comparisons: int = 1) -> int:
    """Return the smallest number n of pairs with which a two-sided sign-flip test can reject: 2 / 2^n <= level.

    With a correction for multiple comparisons (Holm, Bonferroni) the condition is 2 / 2^n <= level / comparisons. A
    test of the maximum of several statistics (max-T) flips all comparisons together and needs no correction:
    `comparisons` = 1.
    """
    return math.ceil(math.log2(2 * comparisons / level) - 1e-9)


@cache
def _sign_patterns(n: int) -> Floats:
    """Return all sign patterns, (2^n, n) of -1 and 1."""
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))
