"""The variance of a mean over seeds and test items that are crossed: every seed's model is tested on the same items.

Two-way random effects, d = difference + seed + cluster of items + rest, with all of them sources of chance: how the
figure would come out with other seeds *and* other items of the kind (Searle, Casella & McCulloch 1992, section 4.5;
for clusters of unequal size the multiway estimator of Cameron, Gelbach & Miller 2011, equation 2.8).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from interlace.statistics.intervals import CONFIDENCE, MIN_SEEDS, Floats, Interval, is_zero


@dataclass(frozen=True)
class Crossed:
    """A mean over `n` seeds and `items_tested` test items in `clusters` clusters, and the parts of its variance.

    `seeds` and `items` are the variances of the mean as they show between seeds and between clusters; each of them
    holds `rest`, that of the interaction, once. `effective` is the number of equal clusters that would weigh as much,
    (Σw)² / Σw² (Kish).
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
        """seeds + items - rest, and never below either."""
        return max(self.seeds + self.items - self.rest, self.seeds, self.items)

    @property
    def p_value(self) -> float:
        """Two-sided p that the mean is zero: the greatest of three.

        Over seeds alone (n - 1 degrees of freedom), over items alone (clusters - 1) and over both. For both, the tail
        is the mean of those with either's degrees of freedom, weighted by the variances (after Cochran & Cox 1950):
        Satterthwaite's degrees of freedom let up to 6.5% through at four seeds, this no more than 5%.
        """
        if is_zero(self.mean):
            return 1.0
        tails = [
            2 * self._tail(abs(self.mean) / math.sqrt(variance), *weights) if variance > 0 else 0.0
            for variance, weights in self._views
        ]
        return min(1.0, max(tails))

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """The widest of the three intervals that belong to `p_value`."""
        tail = (1 - confidence) / 2
        halves = [math.sqrt(variance) * self._quantile(tail, *weights) for variance, weights in self._views]
        return self.mean - max(halves), self.mean + max(halves)

    @property
    def _views(self) -> list[tuple[float, tuple[float, float]]]:
        """Variance, and the weights of the two tails, over seeds, items, both."""
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
        """The t at which `_tail` is `tail`."""
        ends = [-float(special.stdtrit(df, tail)) for df in (self.effective - 1, self.n - 1)]
        if not seeds or not items or math.isclose(ends[0], ends[1]):
            return ends[1] if seeds else ends[0]
        low, high = min(ends), max(ends)
        return float(optimize.brentq(lambda t: self._tail(t, seeds, items) - tail, low, high))


def crossed(sums: Floats, sizes: Floats) -> Crossed | None:
    """Of `sums` (n, M), what each of n seeds scores on each of M clusters, summed over its items; `sizes` (M,) items.

    None below three seeds or three clusters: there is no estimate then that could be relied on.
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
    # Sums of squares of equal figures are zero but for rounding.
    floor = (1e-12 * max(1.0, float(np.abs(by_seed).max()))) ** 2
    seeds, items, rest = (0.0 if part <= floor else part for part in (seeds, items, rest))
    return Crossed(n, round(total), clusters, max(effective, 1 + 1e-9), mean, seeds, items, rest)
