"""Probabilities and backoffs from counts: interpolated modified Kneser-Ney, as KenLM's lmplz computes it."""

from collections.abc import Sequence

import numpy as np

from interlace.models.ngram.counting import OrderCounts
from interlace.models.ngram.tables import BackoffTables


def estimate(
    orders: list[OrderCounts],
    adjusted: list[np.ndarray],
    discounts: list[np.ndarray],
    prune: Sequence[int],
    excluded: Sequence[int],
) -> BackoffTables:
    """Return the probabilities of all orders (Heafield et al. 2013, sections 3.3 to 3.5).

    p(w | h) = (a(h w) - D(a(h w))) / sum_x a(h x) + gamma(h) p(w | h without its first word)
    gamma(h) = sum_x D(a(h x)) / sum_x a(h x), where a pruned h x counts with all of a(h x) instead of D
    down to the uniform distribution over the codes that can be predicted (all but `<s>` and `excluded`).

    prune: for each order, n-grams with at most this raw count are left out. Sums are float64, tables float32.
    """
    base = len(orders[0].keys)
    predicted = np.ones(base)
    predicted[[base - 1, *excluded]] = 0.0
    lower = np.array([1.0 / predicted.sum()])  # p of the order below; of order 0: uniform
    log10_probs: list[np.ndarray] = []
    log10_backoffs: list[np.ndarray] = []
    for counted, values, discount, threshold in zip(orders, adjusted, discounts, prune, strict=True):
        contexts = counted.keys // base if log10_probs else np.zeros(base, dtype=np.int64)
        taken = discount[np.minimum(values, 3)]
        left_over = taken if threshold == 0 else np.where(counted.counts > threshold, taken, values)
        total = np.bincount(contexts, weights=values, minlength=len(lower))
        with np.errstate(divide="ignore", invalid="ignore"):
            gamma = np.bincount(contexts, weights=left_over, minlength=len(lower)) / total
        gamma[total == 0] = 1.0  # never a context
        probs = (values - taken) / total[contexts] + gamma[contexts] * lower[counted.suffixes]
        if log10_probs:
            log10_backoffs.append(_log10(gamma))
        else:
            probs *= predicted
            probs[-1] = 1.0  # <s> is given, not predicted
        log10_probs.append(np.minimum(_log10(probs), 0))
        lower = probs
    keys = [counted.keys for counted in orders]
    tables = BackoffTables(base, keys, log10_probs, log10_backoffs)
    if any(prune):
        tables = _pruned(tables, [o.counts > limit for o, limit in zip(orders, prune, strict=True)])
    return tables


def _log10(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(values).astype(np.float32)


def _pruned(tables: BackoffTables, kept: list[np.ndarray]) -> BackoffTables:
    """Return tables of the kept n-grams only.

    Contexts and suffixes of a kept n-gram occur at least as often as it, so they are kept too.
    """
    keys, probs, backoffs = [tables.keys[0]], [tables.log10_probs[0]], [*tables.log10_backoffs[:1]]
    index = np.arange(tables.base)
    for n in range(1, len(tables.keys)):
        contexts, words = np.divmod(tables.keys[n][kept[n]], tables.base)
        keys.append(index[contexts] * tables.base + words)
        probs.append(tables.log10_probs[n][kept[n]])
        if n < len(tables.log10_backoffs):
            backoffs.append(tables.log10_backoffs[n][kept[n]])
        index = np.cumsum(kept[n]) - 1
    return BackoffTables(tables.base, keys, probs, backoffs)
