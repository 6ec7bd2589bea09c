"""Subsampling of frequent words, and the noise distribution of negative sampling."""

import numpy as np

from interlace.errors import UserError


def keep_probability(counts: np.ndarray, threshold: float) -> np.ndarray:
    """Return each word's probability (V,) of being kept: min(1, sqrt(t / f) + t / f), f its relative frequency.

    This is the formula of word2vec.c; the paper's sqrt(t / f) (Mikolov et al. 2013b, equation 5) keeps fewer words. A
    threshold t of 0 keeps all.
    """
    if threshold == 0:
        return np.ones(len(counts))
    ratio = threshold * counts.sum() / np.maximum(counts, 1)
    return np.minimum(1.0, np.sqrt(ratio) + ratio)


class NoiseDistribution:
    """Distribution proportional to count^power; exact, two look-ups per draw (Walker's alias method, Vose 1991)."""

    def __init__(self, counts: np.ndarray, power: float) -> None:
        weights = np.asarray(counts, dtype=np.float64) ** power
        if not len(weights) or not np.isfinite(weights).all() or weights.sum() <= 0:
            raise UserError("word2vec: negative sampling needs at least one word with a count above 0")
        self.probabilities = weights / weights.sum()
        self._threshold, self._alias = _alias_table(self.probabilities)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw word ids of this shape, int64, with replacement."""
        x = rng.random(shape) * len(self._alias)
        column = x.astype(np.int64)
        return np.where(x - column < self._threshold[column], column, self._alias[column])


def _alias_table(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return thresholds and aliases (V,): each of V equal columns belongs to its own word up to the threshold and to
    one other word, the alias, above it."""
    size = len(probabilities)
    scaled = (probabilities * size).tolist()
    alias = list(range(size))
    small = [i for i, p in enumerate(scaled) if p < 1.0]
    large = [i for i, p in enumerate(scaled) if p >= 1.0]
    while small and large:
        low, high = small.pop(), large[-1]
        alias[low] = high
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1.0:
            small.append(large.pop())
    for rest in small + large:  # these differ from 1 by rounding only
        scaled[rest] = 1.0
    return np.array(scaled), np.array(alias, dtype=np.int64)
