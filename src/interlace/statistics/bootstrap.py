"""Bootstrap intervals over test items, by cluster if items depend on each other."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interlace.statistics.contrasts import cluster_sums
from interlace.statistics.intervals import CONFIDENCE, MIN_SEEDS, NAN, Interval


def bootstrap_mean(
    scores: ArrayLike,
    clusters: NDArray[np.int64] | None = None,
    resamples: int = 10_000,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """Return the percentile bootstrap interval of a mean over test items: scores (N,), one per test item.

    For a paired difference between two arms pass the differences per item. With `clusters` (N,) whole clusters are
    resampled. If there are few distinct values (correct or wrong answers over some seeds), multinomial counts are
    drawn, which has the same distribution at a cost independent of N. (NaN, NaN) below three items or clusters.
    """
    x = np.atleast_1d(np.asarray(scores, dtype=np.float64))
    known = np.isfinite(x)
    x = x[known]
    if clusters is None:
        sums, sizes = x, np.ones(len(x))
    else:
        rows, sizes = cluster_sums(x[None], clusters[known])
        sums = rows[0]
    if len(sums) < MIN_SEEDS:
        return NAN, NAN
    means = _drawn_means(np.stack([sums, sizes], axis=1), np.random.default_rng(seed), resamples)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _drawn_means(pairs: NDArray[np.float64], rng: np.random.Generator, resamples: int) -> NDArray[np.float64]:
    """Return the means (resamples,) of bootstrap samples of `pairs` (M, 2), sum and size of each cluster."""
    distinct, counts = np.unique(pairs, axis=0, return_counts=True)
    if len(distinct) <= 256:
        drawn = rng.multinomial(len(pairs), counts / len(pairs), size=resamples) @ distinct  # (resamples, 2)
        return np.asarray(drawn[:, 0] / drawn[:, 1])
    rows = max(1, 4_000_000 // len(pairs))  # limits one block of indices to 32 MB
    sizes = [min(rows, resamples - start) for start in range(0, resamples, rows)]
    drawn = np.concatenate([pairs[rng.integers(0, len(pairs), (size, len(pairs)))].sum(1) for size in sizes])
    return np.asarray(drawn[:, 0] / drawn[:, 1])


def cluster_weights(clusters: NDArray[np.int64], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how often each of N values is drawn, (resamples, N), if whole clusters (N,) are drawn with replacement."""
    _, index = np.unique(clusters, return_inverse=True)
    size = int(index.max()) + 1
    return rng.multinomial(size, np.full(size, 1 / size), size=resamples)[:, index].astype(np.float64)
