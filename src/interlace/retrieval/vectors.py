"""Search for the nearest vectors: exactly, or by a library that is plugged in."""

from typing import Protocol

import numpy as np

from interlace.retrieval.hits import Hits, best_of

CHUNK = 16 * 2**20  # scores that are held at a time, 64 MB; a matrix product with few queries takes longer for each


class VectorSearch(Protocol):
    """The place where FAISS, usearch or another library plugs in: `index.open_index(folder, encoder, vector_search=C)`.

    A class with this constructor and `search`; FAISS, for one: `self.index = faiss.IndexFlatIP(D); self.index.add(v)`
    and `scores, rows = self.index.search(queries, k)`, in this order of results. Vectors (P, D) are float32 of length
    1, or 0 for a text without tokens, so that the inner product is the cosine.
    """

    def __init__(self, vectors: np.ndarray) -> None: ...

    def search(self, queries: np.ndarray, k: int) -> Hits:
        """The k passages with the largest inner product with each query (Q, D)."""


class ExactSearch:
    """All inner products by one matrix product, and the best of them: O(Q P D)."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def search(self, queries: np.ndarray, k: int) -> Hits:
        """See `VectorSearch`; equal scores in the order of the passages."""
        step = min(max(1, CHUNK // max(1, len(self.vectors))), len(queries))
        if not step:
            k = min(k, len(self.vectors))
            return Hits(np.empty((0, k), dtype=np.int64), np.empty((0, k), dtype=np.float32))
        scores = np.empty((step, len(self.vectors)), dtype=np.float32)  # once, as new memory takes time
        parts = []
        for start in range(0, len(queries), step):
            some = queries[start : start + step]
            parts.append(best_of(np.matmul(some, self.vectors.T, out=scores[: len(some)]), k))
        return Hits(np.concatenate([part.rows for part in parts]), np.concatenate([part.scores for part in parts]))
