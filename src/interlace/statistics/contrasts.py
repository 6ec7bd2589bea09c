"""Two arms compared: their paired difference, over seeds and, where scores of single items are known, over items."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from interlace.statistics.crossed import Crossed, crossed
from interlace.statistics.intervals import (
    CONFIDENCE,
    MIN_SEEDS,
    NAN,
    UNBOUNDED,
    Floats,
    Interval,
    finite,
    is_zero,
    spread,
)


@dataclass(frozen=True)
class Items:
    """Scores of single test items: `scores` by seed (N,), and `clusters` (N,), numbers of what items share.

    `ids` (N,) names the items, each once: arms are compared item by item where both were tested on the same.
    """

    ids: NDArray[Any]
    clusters: NDArray[np.int64]
    scores: Mapping[int, Floats]


@dataclass(frozen=True)
class Measured:
    """What an arm reached: its figure by seed and, where known, the scores whose mean each figure is."""

    seeds: Mapping[int, float]
    items: Items | None = None


@dataclass(frozen=True)
class Contrast:
    """The mean difference over `n` shared seeds, and how sure it is.

    `differences` (n,) are paired by seed. `over` holds the parts of the variance over seeds and items; None: the
    scores of single items are not known, and all is over seeds only. `resolution` is the least step of a figure (one
    test item): a standard deviation below it is taken as that step, since a figure tells no finer.
    """

    differences: Floats
    over: Crossed | None = None
    resolution: float = 0.0

    @property
    def n(self) -> int:
        """Shared seeds."""
        return len(self.differences)

    @property
    def difference(self) -> float:
        """The mean; NaN where no seed is shared."""
        return float(self.differences.mean()) if self.n else NAN

    @property
    def is_constant(self) -> bool:
        """Whether every seed has the same difference, which is not zero."""
        return self.n > 1 and spread(self.differences) == 0.0 and not is_zero(self.differences)

    @property
    def basis(self) -> str:
        """What is a source of chance: "seeds and items", "seeds", or "" below three shared seeds."""
        if self.n < MIN_SEEDS:
            return ""
        return "seeds" if self.over is None else "seeds and items"

    @property
    def p_value(self) -> float:
        """Two-sided p of no difference, over seeds and items where these are known; NaN below three shared seeds."""
        if self.over is not None:
            return self.over.p_value
        return paired_t_p(self.differences, self.resolution)

    def interval(self, confidence: float = CONFIDENCE, bounds: Interval = UNBOUNDED) -> Interval:
        """An interval of the difference of a metric that lies within `bounds`."""
        if self.over is not None:
            low, high = self.over.interval(confidence)
        else:
            low, high = _paired_interval(self.differences, self.resolution, confidence)
        width = bounds[1] - bounds[0]
        return (max(low, -width), min(high, width)) if math.isfinite(width) else (low, high)


def contrast(mine: Measured, theirs: Measured, resolution: float = 0.0) -> Contrast:
    """`mine - theirs` on the seeds that both have."""
    shared = sorted(set(mine.seeds) & set(theirs.seeds))
    differences = np.array([mine.seeds[seed] - theirs.seeds[seed] for seed in shared], dtype=np.float64)
    shared = [seed for seed, value in zip(shared, differences, strict=True) if math.isfinite(value)]
    return Contrast(finite(differences), _over_items(mine.items, theirs.items, shared), resolution)


def paired_t_p(differences: Any, resolution: float = 0.0) -> float:
    """Two-sided p of the paired t-test on per-seed differences; NaN below three pairs.

    A standard deviation below `resolution` is taken as that. Differences that are all zero give 1; equal and not zero
    give 0, the limit of the t-test, where no resolution is known.
    """
    x = finite(differences)
    if len(x) < MIN_SEEDS:
        return NAN
    if is_zero(x):
        return 1.0
    sd = max(spread(x), resolution)
    return 2 * float(special.stdtr(len(x) - 1, -abs(float(x.mean())) * math.sqrt(len(x)) / sd)) if sd else 0.0


def _paired_interval(x: Floats, resolution: float, confidence: float) -> Interval:
    if len(x) < MIN_SEEDS:
        return NAN, NAN
    sd = spread(x) if is_zero(x) else max(spread(x), resolution)
    half = float(special.stdtrit(len(x) - 1, (1 + confidence) / 2)) * sd / math.sqrt(len(x))
    return float(x.mean()) - half, float(x.mean()) + half


def _over_items(mine: Items | None, theirs: Items | None, seeds: list[int]) -> Crossed | None:
    """None where items are not known, are not the same, or do not have scores for all of the seeds."""
    if mine is None or theirs is None or not seeds:
        return None
    if not (set(seeds) <= set(mine.scores) and set(seeds) <= set(theirs.scores)):
        return None
    found = aligned(mine, theirs)
    if found is None or len(found[0].clusters) < max(len(mine.clusters), len(theirs.clusters)):
        return None
    mine, theirs = found
    differences = np.stack([mine.scores[seed] - theirs.scores[seed] for seed in seeds])  # (n, N)
    known = ~np.isnan(differences).any(axis=0)
    return crossed(*cluster_sums(differences[:, known], mine.clusters[known]))


def aligned(mine: Items, theirs: Items) -> tuple[Items, Items] | None:
    """Both with the items that they share, in one order; None where they share none."""
    if mine.ids is theirs.ids or (len(mine.ids) == len(theirs.ids) and bool(np.all(mine.ids == theirs.ids))):
        return mine, theirs
    _, first, second = np.intersect1d(mine.ids, theirs.ids, return_indices=True)
    return (_taken(mine, first), _taken(theirs, second)) if len(first) else None


def _taken(items: Items, rows: NDArray[np.int64]) -> Items:
    scores = {seed: values[rows] for seed, values in items.scores.items()}
    return Items(items.ids[rows], items.clusters[rows], scores)


def cluster_sums(scores: Floats, clusters: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Sums (n, M) of scores (n, N) over the items of each cluster, and how many items each has (M,)."""
    names, codes = np.unique(clusters, return_inverse=True)
    if len(names) == len(clusters):
        return scores, np.ones(len(clusters))
    sums = np.stack([np.bincount(codes, weights=row, minlength=len(names)).astype(np.float64) for row in scores])
    return sums, np.bincount(codes, minlength=len(names)).astype(np.float64)
