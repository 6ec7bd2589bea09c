"""Metrics of ranked lists: hit@k, reciprocal rank and nDCG@k of each query."""

from collections.abc import Sequence

import numpy as np

from interlace.errors import UserError

HIT_CUTOFFS = (1, 5, 10)
NDCG_CUTOFF = 10
RANKED = (*(f"hit@{k}" for k in HIT_CUTOFFS), "mrr", f"ndcg@{NDCG_CUTOFF}")


def hit_at(gains: np.ndarray, k: int) -> np.ndarray:
    """1 where one of the first k results is relevant, else 0: (Q,) of gains (Q, K) in the order of the results."""
    return np.asarray((gains[:, :k] > 0).any(axis=1), dtype=np.float64)


def reciprocal_rank(gains: np.ndarray) -> np.ndarray:
    """1 / rank of the first relevant result, 0 where none of the K is: (Q,) of gains (Q, K)."""
    relevant = gains > 0
    first = relevant.argmax(axis=1)
    return np.where(relevant.any(axis=1), 1.0 / (first + 1), 0.0)


def ndcg_at(gains: np.ndarray, ideal: Sequence[Sequence[float]], k: int) -> np.ndarray:
    """Normalised discounted cumulative gain of the first k results (Järvelin and Kekäläinen 2002), (Q,).

    DCG = sum over ranks i of gain_i / log2(i + 1), over that of the best order of `ideal`, the gains of all relevant
    passages of a query; 0 for a query without one. Gains are linear, as in trec_eval.
    """
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    found = gains[:, :k] @ discounts[: gains[:, :k].shape[1]]
    best = np.array([np.sort(np.asarray(each, dtype=np.float64))[::-1][:k] @ discounts[: len(each)] for each in ideal])
    return np.divide(found, best, out=np.zeros_like(best), where=best > 0)


def ranking_scores(gains: np.ndarray, ideal: Sequence[Sequence[float]]) -> dict[str, np.ndarray]:
    """All metrics of each query by name, (Q,) each. `gains` (Q, K): the grade of each result, 0 where irrelevant."""
    if len(gains) != len(ideal) or not len(gains):
        raise UserError(f"ranking_scores: got {len(gains)} results for {len(ideal)} queries; expected one each")
    scores = {f"hit@{k}": hit_at(gains, k) for k in HIT_CUTOFFS}
    return scores | {"mrr": reciprocal_rank(gains), f"ndcg@{NDCG_CUTOFF}": ndcg_at(gains, ideal, NDCG_CUTOFF)}
