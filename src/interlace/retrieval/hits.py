"""The passages found for each query, best first."""

from typing import NamedTuple

import numpy as np

NOTHING = -1  # row of a place that no passage fills
BLOCK = 128  # columns of a group whose best is taken first


class Hits(NamedTuple):
    """Rows (Q, K) int64 of passages and their scores (Q, K) float32, best first; NOTHING and -inf where fewer match."""

    rows: np.ndarray
    scores: np.ndarray

    def first(self, k: int) -> "Hits":
        """The first k of each query."""
        return Hits(self.rows[:, :k], self.scores[:, :k])


def leading(scores: np.ndarray, k: int, above: float = -np.inf) -> np.ndarray:
    """Columns of scores (P,), ascending, among which are the k best of those above `above`, with all that equal the
    k-th best. O(P).

    The best of each group of 128 columns are compared: the k-th of these is a lower bound of the k-th best score, and
    few other columns reach it, so that all P are neither sorted nor partitioned.
    """
    groups = len(scores) // BLOCK
    if groups > k:
        best = scores[: groups * BLOCK].reshape(BLOCK, groups).max(axis=0)
        bound = np.partition(best, groups - k)[groups - k]
        if bound > above:
            return np.flatnonzero(scores >= bound)
    return np.flatnonzero(scores > above)


def best_of(scores: np.ndarray, k: int) -> Hits:
    """The k best columns of scores (Q, P), equal scores by column; a score of -inf is none. O(Q P)."""
    queries, passages = scores.shape
    k = min(k, passages)
    if passages > k * BLOCK:
        return _best_of_many(scores, k)
    rows = np.arange(queries)[:, None]
    if k < passages:
        # The k-th best score splits the row; ties at it are taken in the order of columns, which argpartition is not.
        limit = np.partition(scores, passages - k, axis=1)[:, passages - k, None]
        chosen = np.empty((queries, k), dtype=np.int64)
        for row in range(queries):
            above = np.flatnonzero(scores[row] > limit[row])
            equal = np.flatnonzero(scores[row] == limit[row])[: k - len(above)]
            chosen[row] = np.concatenate([above, equal])
        chosen.sort(axis=1)
    else:
        chosen = np.broadcast_to(np.arange(passages), (queries, passages))
    kept = scores[rows, chosen]
    order = np.argsort(-kept, axis=1, kind="stable")
    found, values = chosen[rows, order], kept[rows, order].astype(np.float32)
    return Hits(np.where(np.isneginf(values), NOTHING, found).astype(np.int64), values)


def _best_of_many(scores: np.ndarray, k: int) -> Hits:
    """`best_of` query by query, where few columns can be among the best."""
    rows = np.full((len(scores), k), NOTHING, dtype=np.int64)
    values = np.full((len(scores), k), -np.inf, dtype=np.float32)
    for query, row in enumerate(scores):
        columns = leading(row, k)
        order = np.argsort(-row[columns], kind="stable")[:k]
        rows[query, : len(order)] = columns[order]
        values[query, : len(order)] = row[columns[order]]
    return Hits(rows, values)


def first_of_each(hits: Hits, owners: np.ndarray, k: int) -> Hits:
    """The k best passages of each query from windows: each passage stands where its best window stood. `owners` (W,):
    the passage of each window."""
    k = min(k, len(np.unique(owners)))
    rows = np.full((len(hits.rows), k), NOTHING, dtype=np.int64)
    scores = np.full((len(hits.rows), k), -np.inf, dtype=np.float32)
    for number, (found, values) in enumerate(zip(hits.rows, hits.scores, strict=True)):
        held = found[found != NOTHING]
        passages = owners[held]
        first = np.sort(np.unique(passages, return_index=True)[1])[:k]
        rows[number, : len(first)], scores[number, : len(first)] = passages[first], values[first]
    return Hits(rows, scores)
