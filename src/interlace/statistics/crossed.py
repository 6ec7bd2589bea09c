"""Variance of a mean over crossed seeds and test items: the model of every seed is tested on the same items.

A two-way random-effects model, d = difference + seed + cluster of items + residual, with seeds and items as sources of
chance: the inference is to other seeds *and* other items of the same population (Searle, Casella & McCulloch 1992,
section 4.5; for clusters of unequal size the multiway estimator of Cameron, Gelbach & Miller 2011, equation 2.8).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from interlace.statistics.intervals import CONFIDENCE, MIN_SEEDS, Floats, Interval, is_zero


@dataclass(frozen=True)
class Crossed:
    """Mean over `n` seeds and `items_tested` test items in `clusters` clusters, with its variance components.

    `seeds` and `items` are the variances of the mean estimated between seeds and between clusters; each includes
    `rest`, the variance of the interaction, once. `effective` is the effective number of clusters, (Σw)² / Σw² (Kish).
    """

    n: int
    items_tested: int
    clusters: int
    effective: float
    mean: float
    seeds: float
    items: float
    rest: float

    @property
    def variance(self) -> float:
        """Variance of the mean: seeds + items - rest, but at least each of seeds and items."""
        return max(self.seeds + self.items - self.rest, self.seeds, self.items)

    @property
    def p_value(self) -> float:
        """Two-sided p-value of a zero mean, the largest of three.

        These are over seeds only (n - 1 degrees of freedom), over items only (clusters - 1) and over both. For both,
        the tail probability is the mean of those with either degrees of freedom, weighted by the variances (after
        Cochran & Cox 1950): with Satterthwaite's degrees of freedom the error rate reaches 6.5% at four seeds, here it
        is at most 5%.
        """
        if is_zero(self.mean):
            return 1.0
        tails = [
            2 * self._tail(abs(self.mean) / math.sqrt(variance), *weights) if variance > 0 else 0.0
            for variance, weights in self._views
        ]
        return min(1.0, max(tails))

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """Return the widest of the three intervals that correspond to `p_value`."""
        tail = (1 - confidence) / 2
        halves = [math.sqrt(variance) * self._quantile(tail, *weights) for variance, weights in self._views]
        return self.mean - max(halves), self.mean + max(halves)

    @property
    def _views(self) -> list[tuple[float, tuple[float, float]]]:
        """Variances and weights of the two tails over seeds, items and both."""
        return [
            (self.seeds, (1.0, 0.0)),
            (self.items, (0.0, 1.0)),
            (self.variance, (self.seeds, self.items)),
        ]

    def _tail(self, t: float, seeds: float, items: float) -> float:
        over_seeds = float(special.stdtr(self.n - 1, -t))
        over_items = float(special.stdtr(self.effective - 1, -t))
        return (seeds * over_seeds + items * over_items) / (seeds + items)

    def _quantile(self, tail: float, seeds: float, items: float) -> float:
        """Return the t at which `_tail` equals `tail`."""
        ends = [-float(special.stdtrit(df, tail)) for df in (self.effective - 1, self.n - 1)]
        if not seeds or not items or math.isclose(ends[0], ends[1]):
            return ends[1] if seeds else ends[0]
        low, high = min(ends), max(ends)
        return float(optimize.brentq(lambda t: self._tail(t, seeds, items) - tail, low, high))


def crossed(sums: Floats, sizes: Floats) -> Crossed | None:
    """Estimate mean and variance from the scores of n seeds, summed over each of M clusters.

    `sums` is (n, M); `sizes` (M,) is the number of items of each cluster.

    None below three seeds or three clusters, for which no reliable estimate exists.
    """
    n, clusters = sums.shape
    if n < MIN_SEEDS or clusters < MIN_SEEDS:
        return None
    total = float(sizes.sum())
    by_seed = sums.sum(axis=1) / total
    mean = float(by_seed.mean())
    by_cluster = sums.mean(axis=0)
    left = sums - sizes * by_seed[:, None] - by_cluster + sizes * mean
    seeds = float(by_seed.var(ddof=1)) / n
    items = clusters / (clusters - 1) * float(np.square(by_cluster - sizes * mean).sum()) / total**2
    rest = n / (n - 1) * clusters / (clusters - 1) * float(np.square(left).sum()) / (n * total) ** 2
    effective = total**2 / float(np.square(sizes).sum())
    # Sums of squares of equal values are zero up to rounding.
    floor = (1e-12 * max(1.0, float(np.abs(by_seed).max()))) ** 2
    seeds, items, rest = (0.0 if part <= floor else part for part in (seeds, items, rest))
    return Crossed(n, round(total), clusters, max(effective, 1 + 1e-9), mean, seeds, items, rest)


def crossed_ratings(values: Floats, raters: NDArray[np.int64], items: NDArray[np.int64]) -> Crossed | None:
    """Estimate the mean of `values` (K,) and its variance, each given by a rater (K,) about an item (K,).

    Not every rater must have rated every item: the variances are those of Cameron, Gelbach & Miller (2011), equation
    2.8. With fewer than three raters the items alone are the source of chance, and the inference is to these raters.
    None below three items, for which no reliable estimate exists.
    """
    over_raters, over_items = _clustered(values, raters), _clustered(values, items)
    (num_raters, _), (num_items, sizes) = (_sizes(each) for each in (raters, items))
    if num_items < MIN_SEEDS:
        return None
    mean, total = float(values.mean()), len(values)
    left = values - mean
    alone = 0.0 if is_zero(left) else float(np.square(left).sum()) / total**2
    effective = total**2 / float(np.square(sizes).sum())
    if num_raters < MIN_SEEDS:
        return Crossed(2, total, num_items, max(effective, 1 + 1e-9), mean, 0.0, over_items, 0.0)
    return Crossed(num_raters, total, num_items, max(effective, 1 + 1e-9), mean, over_raters, over_items, alone)


def _sizes(groups: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    sizes = np.unique(groups, return_counts=True)[1]
    return len(sizes), sizes


def _clustered(values: Floats, groups: NDArray[np.int64]) -> float:
    """Return the variance of the mean of values (K,) that depend on each other within groups (K,)."""
    _, index = np.unique(groups, return_inverse=True)
    left = values - values.mean()
    sums = np.bincount(index, weights=left)
    if len(sums) < 2 or is_zero(sums):
        return 0.0
    return len(sums) / (len(sums) - 1) * float(np.square(sums).sum()) / len(values) ** 2
