"""Detection of bimodal seeds: some runs learn the task and others do not."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from interlace.statistics.intervals import MIN_SEEDS

LEVEL = 0.05  # false-positive rate for samples of one normal distribution
LEAST_SHARE = 0.05  # smallest relevant gap, as a fraction of the metric's range
LEAST_RATIO = 0.2  # the same for a metric without a range, as a fraction of the largest value
DRAWS = 20_000


@dataclass(frozen=True)
class Bimodality:
    """Seeds of the lower and the upper group, sorted, and the mean of each group."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    low_mean: float
    high_mean: float


def find_bimodality(seeds: Mapping[int, float], width: float | None = None) -> Bimodality | None:
    """Return the two groups of an arm's seeds if their values are bimodal; None if they could be unimodal.

    They are bimodal if the widest gap between neighbouring values, divided by the rest of the range, exceeds the 95%
    quantile for samples of a normal distribution, and the gap is at least a twentieth of the metric's range `width`
    (None: a fifth of the largest value). A single seed may be a group.
    """
    if len(seeds) < MIN_SEEDS:
        return None
    order = sorted(seeds, key=lambda seed: (seeds[seed], seed))
    x = np.array([seeds[seed] for seed in order])
    gaps = np.diff(x)
    cut = int(gaps.argmax())
    gap, left = float(gaps[cut]), float(x[-1] - x[0] - gaps[cut])
    least = LEAST_RATIO * float(np.abs(x).max()) if width is None else LEAST_SHARE * width
    if gap < least or gap == 0.0 or gap < critical_gap(len(x)) * left:
        return None
    low, high = order[: cut + 1], order[cut + 1 :]
    return Bimodality(tuple(sorted(low)), tuple(sorted(high)), float(x[: cut + 1].mean()), float(x[cut + 1 :].mean()))


@cache
def critical_gap(n: int) -> float:
    """Return the 95% quantile of widest gap / (range - widest gap) of n normal values, by simulation."""
    x = np.sort(np.random.default_rng(n).normal(size=(DRAWS, n)), axis=1)
    gap = np.diff(x, axis=1).max(axis=1)
    return float(np.quantile(gap / (x[:, -1] - x[:, 0] - gap), 1 - LEVEL))
