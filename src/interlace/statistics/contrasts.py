"""Contrasts of two arms: paired differences over seeds and, if scores of single items are known, over test items."""

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
    """Scores of single test items: `scores` (N,) by seed, and `clusters` (N,), the cluster number of each item.

    `ids` (N,) are unique names of the items: arms are compared item by item if both were tested on the same items.
    """

    ids: NDArray[Any]
    clusters: NDArray[np.int64]
    scores: Mapping[int, Floats]


@dataclass(frozen=True)
class ArmResults:
    """Results of an arm: its metric by seed and, if known, the scores of test items whose mean the metric is."""

    seeds: Mapping[int, float]
    items: Items | None = None


@dataclass(frozen=True)
class Contrast:
    """Mean difference of two arms over `n` shared seeds, with p-value and interval.

    `differences` (n,) are paired by seed. `over` holds the variance components of seeds and items; None: the scores of
    single items are not known, and inference is over seeds only. `resolution` is the smallest step of the metric (one
    test item): a smaller standard deviation is replaced by it, since the metric does not resolve it.
    """

    differences: Floats
    over: Crossed | None = None
    resolution: float = 0.0

    @property
    def n(self) -> int:
        """Number of shared seeds."""
        return len(self.differences)

    @property
    def difference(self) -> float:
        """Mean difference; NaN if no seed is shared."""
        return float(self.differences.mean()) if self.n else NAN

    @property
    def is_constant(self) -> bool:
        """True if every seed has the same nonzero difference."""
        return self.n > 1 and spread(self.differences) == 0.0 and not is_zero(self.differences)

    @property
    def basis(self) -> str:
        """Sources of chance: "seeds and items", "seeds", or "" below three shared seeds."""
        if self.n < MIN_SEEDS:
            return ""
        return "seeds" if self.over is None else "seeds and items"

    @property
    def p_value(self) -> float:
        """Two-sided p-value of no difference, over seeds and items if these are known; NaN below three shared seeds."""
        if self.over is not None:
            return self.over.p_value
        return paired_t_p(self.differences, self.resolution)

    def interval(self, confidence: float = CONFIDENCE, bounds: Interval = UNBOUNDED) -> Interval:
        """Return the confidence interval of the difference of a metric with the range `bounds`."""
        if self.over is not None:
            low, high = self.over.interval(confidence)
        else:
            low, high = _paired_interval(self.differences, self.resolution, confidence)
        width = bounds[1] - bounds[0]
        return (max(low, -width), min(high, width)) if math.isfinite(width) else (low, high)


def contrast(first: ArmResults, second: ArmResults, resolution: float = 0.0) -> Contrast:
    """Return the contrast `first - second` on the shared seeds."""
    shared = sorted(set(first.seeds) & set(second.seeds))
    differences = np.array([first.seeds[seed] - second.seeds[seed] for seed in shared], dtype=np.float64)
    shared = [seed for seed, value in zip(shared, differences, strict=True) if math.isfinite(value)]
    return Contrast(finite(differences), _over_items(first.items, second.items, shared), resolution)


def paired_t_p(differences: Any, resolution: float = 0.0) -> float:
    """Return the two-sided p-value of the paired t-test on differences by seed; NaN below three pairs.

    A standard deviation below `resolution` is replaced by it. Differences that are all zero give 1; equal nonzero
    differences give 0, the limit of the t-test, if no resolution is known.
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


def _over_items(first: Items | None, second: Items | None, seeds: list[int]) -> Crossed | None:
    """Return variance components; None if items are unknown, differ, or lack scores for some of the seeds."""
    if first is None or second is None or not seeds:
        return None
    if not (set(seeds) <= set(first.scores) and set(seeds) <= set(second.scores)):
        return None
    found = aligned(first, second)
    if found is None or len(found[0].clusters) < max(len(first.clusters), len(second.clusters)):
        return None
    first, second = found
    differences = np.stack([first.scores[seed] - second.scores[seed] for seed in seeds])  # (n, N)
    known = ~np.isnan(differences).any(axis=0)
    return crossed(*cluster_sums(differences[:, known], first.clusters[known]))


def aligned(first: Items, second: Items) -> tuple[Items, Items] | None:
    """Return both restricted to their shared items, in the same order; None if they share none."""
    if first.ids is second.ids or (len(first.ids) == len(second.ids) and bool(np.all(first.ids == second.ids))):
        return first, second
    _, rows, other_rows = np.intersect1d(first.ids, second.ids, return_indices=True)
    return (_selected(first, rows), _selected(second, other_rows)) if len(rows) else None


def _selected(items: Items, rows: NDArray[np.int64]) -> Items:
    scores = {seed: values[rows] for seed, values in items.scores.items()}
    return Items(items.ids[rows], items.clusters[rows], scores)


def cluster_sums(scores: Floats, clusters: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the sums (n, M) of scores (n, N) over the items of each cluster, and the cluster sizes (M,)."""
    names, codes = np.unique(clusters, return_inverse=True)
    if len(names) == len(clusters):
        return scores, np.ones(len(clusters))
    sums = np.stack([np.bincount(codes, weights=row, minlength=len(names)).astype(np.float64) for row in scores])
    return sums, np.bincount(codes, minlength=len(names)).astype(np.float64)
