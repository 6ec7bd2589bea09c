"""Several rankings of the same passages as one: reciprocal rank fusion, and a weighted sum of standardised scores."""

from collections.abc import Callable, Sequence

import numpy as np

from interlace.retrieval.hits import NOTHING, Hits

WEIGHTS = np.round(np.arange(0.0, 1.01, 0.05), 2)  # tried on validation data


def reciprocal_rank_fusion(rankings: Sequence[Hits], constant: int, k: int) -> Hits:
    """The k passages with the largest sum over rankings of 1 / (constant + rank) (Cormack et al. 2009, equation 1).

    A passage that a ranking does not hold gets nothing from it; equal sums are in the order of the passages' rows.
    """
    queries = len(rankings[0].rows)
    rows = np.full((queries, k), NOTHING, dtype=np.int64)
    scores = np.full((queries, k), -np.inf, dtype=np.float32)
    for query in range(queries):
        sums: dict[int, float] = {}
        for ranking in rankings:
            for rank, row in enumerate(ranking.rows[query].tolist(), 1):
                if row != NOTHING:
                    sums[row] = sums.get(row, 0.0) + 1.0 / (constant + rank)
        best = sorted(sums.items(), key=lambda entry: (-entry[1], entry[0]))[:k]
        rows[query, : len(best)] = [row for row, _ in best]
        scores[query, : len(best)] = [score for _, score in best]
    return Hits(rows, scores)


def candidates(rankings: Sequence[Hits]) -> np.ndarray:
    """The rows (Q, C) that any of the rankings holds, ascending, NOTHING behind them."""
    together = np.concatenate([ranking.rows for ranking in rankings], axis=1)
    found = [np.unique(row[row != NOTHING]) for row in together]
    rows = np.full((len(found), max((len(each) for each in found), default=0)), NOTHING, dtype=np.int64)
    for number, each in enumerate(found):
        rows[number, : len(each)] = each
    return rows


def standardised(rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Scores (Q, C) with mean 0 and standard deviation 1 over each query's candidates; 0 where all are equal."""
    held = rows != NOTHING
    count = np.maximum(held.sum(axis=1, keepdims=True), 1)
    values = np.where(held, scores, 0.0).astype(np.float64)
    centred = np.where(held, values - values.sum(axis=1, keepdims=True) / count, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-12)


def weighted(rows: np.ndarray, first: np.ndarray, second: np.ndarray, weight: float, k: int) -> Hits:
    """The k candidates with the largest (1 - weight) z(first) + weight z(second); all arrays (Q, C)."""
    sums = (1 - weight) * standardised(rows, first) + weight * standardised(rows, second)
    sums = np.where(rows == NOTHING, -np.inf, sums)
    order = np.argsort(-sums, axis=1, kind="stable")[:, :k]
    at = np.arange(len(rows))[:, None]
    return Hits(rows[at, order], sums[at, order].astype(np.float32))


def choose_weight(
    rows: np.ndarray, first: np.ndarray, second: np.ndarray, score: Callable[[Hits], float], k: int
) -> float:
    """The weight among WEIGHTS whose ranking scores best; the smallest of equals, which leaves the first alone."""
    found = [score(weighted(rows, first, second, float(weight), k)) for weight in WEIGHTS]
    return float(WEIGHTS[int(np.argmax(found))])
