"""Passages ranked for queries as a `Ranking` says."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from interlace.data.passages.collection import Queries
from interlace.errors import UserError
from interlace.metrics.ranking import ranking_scores
from interlace.retrieval.bm25 import BM25
from interlace.retrieval.combining import candidates, choose_weight, reciprocal_rank_fusion, weighted
from interlace.retrieval.encoding import TextEncoder
from interlace.retrieval.hits import NOTHING, Hits, first_of_each
from interlace.retrieval.reranking import Reranker
from interlace.retrieval.settings import Ranking
from interlace.retrieval.vectors import ExactSearch, VectorSearch
from interlace.retrieval.windows import WindowIndex


class Weights(NamedTuple):
    """The weights in use: of vectors beside BM25, and of the re-ranker beside the ranking before it; None: none is."""

    vectors: float | None = None
    reranker: float | None = None


class Candidates(NamedTuple):
    """Rows (Q, C) of passages, and two scores of each: what `weighted` takes."""

    rows: np.ndarray
    first: np.ndarray
    second: np.ndarray


class Retriever:
    """Ranks passages by terms, by vectors, by both, and again by a cross-encoder.

    `texts` are the passages; `bm25` and `vectors` (W, D), those of their windows, are the indexes that it uses. Weights
    that the ranking leaves open have to be chosen (`choose`) before a search.
    """

    def __init__(
        self,
        ranking: Ranking,
        texts: Sequence[str],
        *,
        bm25: BM25 | None = None,
        vectors: np.ndarray | None = None,
        encoder: TextEncoder | None = None,
        reranker: Reranker | None = None,
        vector_search: Callable[[np.ndarray], VectorSearch] = ExactSearch,
    ) -> None:
        if ranking.uses_vectors and (vectors is None or encoder is None):
            raise UserError(
                f"retrieval.combine: {ranking.combine} needs an encoder; train one with experiment=retrieval/dense, "
                "name one with model.encoder=DIR, or choose retrieval=bm25"
            )
        self.ranking, self.texts = ranking, list(texts)
        self.bm25 = bm25 if ranking.uses_terms else None
        self.vectors = vectors if ranking.uses_vectors else None
        self.encoder = encoder if ranking.uses_vectors else None
        self.reranker = reranker
        self.windows = WindowIndex(texts if ranking.uses_vectors else [], ranking.windows)
        self.owners = self.windows.owners
        self.search_vectors = None if self.vectors is None else vector_search(self.vectors)
        given = ranking.weight
        self.weights = Weights(
            given if ranking.combine == "weighted" else None, given if reranker is not None else None
        )

    @staticmethod
    def build(
        ranking: Ranking,
        texts: Sequence[str],
        encoder: TextEncoder | None = None,
        reranker: Reranker | None = None,
    ) -> "Retriever":
        """Indexes passages for a ranking."""
        bm25 = None
        if ranking.uses_terms:
            bm25 = BM25(k1=ranking.k1, b=ranking.b, terms=ranking.terms)
            bm25.fit(texts)
        vectors = None
        if encoder is not None and ranking.uses_vectors:
            vectors = encoder.encode(WindowIndex(texts, ranking.windows).texts)
        return Retriever(ranking, texts, bm25=bm25, vectors=vectors, encoder=encoder, reranker=reranker)

    def choose(self, queries: Queries) -> None:
        """Chooses the weights that are open, those of the ranking before that of the re-ranker."""

        def score(hits: Hits) -> float:
            return float(ranking_scores(queries.gains(hits.rows), queries.ideal())[self.ranking.choose_by].mean())

        open_weights = self.ranking.weight is None and (self.ranking.combine == "weighted" or self.reranker is not None)
        if open_weights and not len(queries):
            raise UserError(
                "retrieval.weight: null is chosen on validation queries, and the data have none; give "
                "retrieval.weight=0.5 or judgements for validation"
            )
        if self.ranking.weight is not None:
            return
        if self.ranking.combine == "weighted":
            both = self._both(queries.texts)
            self.weights = self.weights._replace(vectors=choose_weight(*both, score, self.ranking.depth))
        if self.reranker is not None:
            again = self._again(queries.texts, self._ranked(queries.texts))
            self.weights = self.weights._replace(reranker=choose_weight(*again, score, self.ranking.depth))

    def search(self, queries: Sequence[str], k: int | None = None) -> Hits:
        """The k best passages of each query, at most `depth` (default). Scores compare within a query only."""
        hits = self._ranked(queries)
        if self.reranker is not None:
            assert self.weights.reranker is not None, "weights are chosen before a search"
            again = self._again(queries, hits)
            first = weighted(*again, self.weights.reranker, again.rows.shape[1])
            hits = _before(first, hits)
        return hits.first(k or self.ranking.depth)

    def _ranked(self, queries: Sequence[str]) -> Hits:
        """The ranking without the cross-encoder, (Q, depth)."""
        combine, depth = self.ranking.combine, self.ranking.depth
        if combine == "bm25":
            return self._by_terms(queries)
        if combine == "dense":
            return self._by_vectors(self._encoded(queries))
        if combine == "rrf":
            both = [self._by_terms(queries), self._by_vectors(self._encoded(queries))]
            return reciprocal_rank_fusion(both, self.ranking.rrf_constant, depth)
        assert self.weights.vectors is not None, "weights are chosen before a search"
        return weighted(*self._both(queries), self.weights.vectors, depth)

    def _by_terms(self, queries: Sequence[str]) -> Hits:
        assert self.bm25 is not None, "built with the ranking"
        return self.bm25.search(queries, self.ranking.depth)

    def _by_vectors(self, vectors: np.ndarray) -> Hits:
        assert self.search_vectors is not None, "built with the ranking"
        # So many windows hold `depth` passages, even if each passage has its most of them in front.
        found = self.search_vectors.search(vectors, self.ranking.depth * self.windows.most)
        return found if self.windows.most == 1 else first_of_each(found, self.owners, self.ranking.depth)

    def _encoded(self, queries: Sequence[str]) -> np.ndarray:
        assert self.encoder is not None, "built with the ranking"
        return self.encoder.encode(queries)

    def _both(self, queries: Sequence[str]) -> Candidates:
        """Passages that either ranking holds, with the exact BM25 score and cosine of each, also where a passage
        is far down in one of the two."""
        assert self.bm25 is not None, "built with the ranking"
        assert self.vectors is not None, "built with the ranking"
        vectors = self._encoded(queries)
        rows = candidates([self._by_terms(queries), self._by_vectors(vectors)])
        first = np.zeros(rows.shape, dtype=np.float32)
        second = np.zeros(rows.shape, dtype=np.float32)
        for number, query in enumerate(queries):
            first[number] = self.bm25.scores(query)[rows[number]]
            held = rows[number] != NOTHING
            second[number, held] = self.windows.best(self.vectors @ vectors[number], rows[number, held])
        return Candidates(rows, first, second)

    def _again(self, queries: Sequence[str], hits: Hits) -> Candidates:
        """The first of a ranking, with its scores and those of the cross-encoder."""
        assert self.reranker is not None, "built with a re-ranker"
        top = hits.first(self.ranking.rerank_depth)
        return Candidates(top.rows, top.scores, self.reranker.scores(queries, self.texts, top.rows))


def _before(first: Hits, hits: Hits) -> Hits:
    """`first` in the places that it reordered, and behind it the others as they stood, whose scores continue below."""
    rows, scores = hits.rows.copy(), hits.scores.copy()
    size = first.rows.shape[1]
    lowest = np.where(first.rows == NOTHING, np.inf, first.scores).min(axis=1, keepdims=True)
    rest = hits.scores[:, size:]
    highest = np.where(np.isneginf(rest), -np.inf, rest).max(axis=1, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(lowest) & np.isfinite(highest), lowest - highest - 1.0, 0.0)
    rows[:, :size], scores[:, :size] = first.rows, first.scores
    scores[:, size:] = rest + shift
    return Hits(rows, scores)
