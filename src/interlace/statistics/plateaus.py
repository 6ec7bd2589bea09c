"""Seeds that fall on two plateaus: some runs learn the task and others stay where they were."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from interlace.statistics.intervals import MIN_SEEDS

LEVEL = 0.05  # of figures from one normal distribution, so many would show two plateaus
LEAST_SHARE = 0.05  # of the range of a metric that has one: a gap that matters
LEAST_RATIO = 0.2  # of the largest figure, where a metric has no range
DRAWS = 20_000


@dataclass(frozen=True)
class Plateaus:
    """Seeds by plateau, in order, and the mean figure of each."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    low_mean: float
    high_mean: float


def find_plateaus(seeds: Mapping[int, float], width: float | None = None) -> Plateaus | None:
    """The two plateaus that the figures of an arm's seeds fall on; None where they could be one.

    Two, where the widest gap between neighbouring figures is at least so many times the spread that is left beside it
    as is met in one of twenty samples of a normal distribution, and is at least a twentieth of the metric's range
    `width` (None: a fifth of the largest figure). A seed that stands alone counts: it is a run that came out
    otherwise.
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
    return Plateaus(tuple(sorted(low)), tuple(sorted(high)), float(x[: cut + 1].mean()), float(x[cut + 1 :].mean()))


@cache
def critical_gap(n: int) -> float:
    """The 95% quantile of widest gap / (range - widest gap) of n normal figures, by simulation."""
    x = np.sort(np.random.default_rng(n).normal(size=(DRAWS, n)), axis=1)
    gap = np.diff(x, axis=1).max(axis=1)
    return float(np.quantile(gap / (x[:, -1] - x[:, 0] - gap), 1 - LEVEL))
