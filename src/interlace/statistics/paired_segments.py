"""Paired tests of two systems over the segments of one test set, for metrics that need not be means over segments.

A metric is a function of sums over segments: BLEU of counts of n-grams, a mean of scores and their number. Both tests
are those of sacrebleu (`sacrebleu.significance`), which draws the same samples from the same seed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEED = 12345  # sacrebleu's
BOOTSTRAP_SAMPLES = 1000
RANDOMIZATION_TRIALS = 10_000
CHUNK = 20_000_000  # draws held at a time


@dataclass(frozen=True)
class SegmentStatistics:
    """Statistics (N, K) of N segments, and the metric as a function of their sum (K,)."""

    values: Floats
    score: Callable[[Floats], float]

    @property
    def total(self) -> float:
        """The metric over all segments."""
        return self.score(self.values.sum(axis=0))


def mean_statistics(scores: Floats) -> SegmentStatistics:
    """Return the statistics of a mean over the scores (N,) that are not NaN."""
    known = ~np.isnan(scores)
    values = np.stack([np.where(known, scores, 0.0), known.astype(np.float64)], axis=1)
    return SegmentStatistics(values, lambda sums: float(sums[0] / sums[1]) if sums[1] else float("nan"))


class PairedResult(NamedTuple):
    """Scores of two systems, the 95% interval of second - first, and p-values of no difference."""

    first: float
    second: float
    low: float
    high: float
    p_bootstrap: float
    p_randomization: float


def paired_test(
    first: SegmentStatistics,
    second: SegmentStatistics,
    *,
    samples: int = BOOTSTRAP_SAMPLES,
    trials: int = RANDOMIZATION_TRIALS,
    seed: int = SEED,
) -> PairedResult:
    """Return the paired bootstrap (Koehn 2004) and approximate randomization (Riezler and Maxwell 2005) of two systems.

    Bootstrap: p = (1 + #{ |d_s| - mean |d| > |d| }) / (samples + 1) over differences d_s of resampled test sets.
    Randomization: p = (1 + #{ |d_t| > |d| }) / (trials + 1) where every segment's outputs are swapped with probability
    1/2. Randomization keeps its level; the bootstrap's p is half as large as that of a two-sided test where |d| is not
    small, as |d_s| is centred instead of d_s (11% of true null hypotheses rejected at 5% in simulation). It is given to
    be comparable with sacrebleu. The interval is that of the percentiles of d_s.

    Cost: samples x N + 2 x trials x N additions of statistics.
    """
    if len(first.values) != len(second.values) or not len(first.values):
        raise ValueError(f"got {len(first.values)} and {len(second.values)} segments, expected as many, at least one")
    observed = abs(second.total - first.total)
    drawn = np.array([
        second.score(second.values[rows].sum(axis=0)) - first.score(first.values[rows].sum(axis=0))
        for rows in _resamples(len(first.values), samples, seed)
    ])  # fmt: skip
    low, high = np.quantile(drawn, [0.025, 0.975])
    sizes = np.abs(drawn)
    swapped = np.array([
        first.score(kept @ first.values + ~kept @ second.values)
        - first.score(~kept @ first.values + kept @ second.values)
        for kept in _assignments(len(first.values), trials, seed)
    ])  # fmt: skip
    return PairedResult(
        first.total,
        second.total,
        float(low),
        float(high),
        _p_value(sizes - sizes.mean(), observed),
        _p_value(np.abs(swapped), observed),
    )


def _resamples(size: int, samples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield `samples` samples (size,) of indices, drawn with replacement."""
    rng = np.random.default_rng(seed)
    for start in range(0, samples, step := max(1, CHUNK // size)):
        yield from rng.choice(size, size=(min(step, samples - start), size), replace=True)


def _assignments(size: int, trials: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Yield `trials` assignments (size,) of segments: True for those that keep their system."""
    rng = np.random.default_rng(seed)
    for start in range(0, trials, step := max(1, CHUNK // size)):
        yield from rng.integers(2, size=(min(step, trials - start), size), dtype=bool)


def _p_value(drawn: Floats, observed: float) -> float:
    """Return the share of draws beyond what was observed, which itself counts as one."""
    return float((np.sum(drawn > observed) + 1) / (len(drawn) + 1))
