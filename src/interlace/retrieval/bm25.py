"""BM25 by bm25s (Lù 2024): Lucene's variant, sums of precomputed scores of each term and passage."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np

from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.arrays import read_array
from interlace.reading.documents import read_json
from interlace.retrieval.hits import NOTHING, Hits, best_of, leading
from interlace.retrieval.terms import Terms, split_terms

# bm25s' own names, so that it can open the folder too.
ARRAYS = {"data": "data.csc.index.npy", "indices": "indices.csc.index.npy", "indptr": "indptr.csc.index.npy"}
VOCABULARY, SETTINGS = "vocab.index.json", "params.index.json"
TERMS = "terms.json"  # beside theirs, as their reader takes no further setting


class BM25:
    """Scores of passages for a query by the terms that both have (Robertson and Zaragoza 2009, equation 3.15).

    score(q, d) = sum over terms t of q of ln(1 + (N - n_t + 0.5) / (n_t + 0.5)) * f / (f + k1 (1 - b + b |d| / mean)),
    with f the count of t in d and n_t the number of passages with t; a repeated term of q counts as often as it stands
    there. `terms`: see `split_terms`. Indexing costs O(terms), a query O(P + postings of its terms).
    """

    def __init__(self, *, k1: float, b: float, terms: Terms) -> None:
        self.k1, self.b, self.terms = k1, b, terms
        self.vocabulary: dict[str, int] = {}
        self.num_passages = 0
        self._index: bm25s.BM25

    def fit(self, texts: Sequence[str]) -> None:
        """Indexes passages; UserError where none has a term. A passage without terms is found by no query."""
        vocabulary: dict[str, int] = {}
        ids = [
            [vocabulary.setdefault(term, len(vocabulary)) for term in split_terms(text, self.terms)] for text in texts
        ]
        if not vocabulary:
            raise UserError("BM25: no passage has a word; expected texts with letters or digits")
        self.vocabulary, self.num_passages = vocabulary, len(texts)
        self._index = self._empty()
        self._index.index((ids, vocabulary), create_empty_token=False, show_progress=False)

    def _empty(self) -> bm25s.BM25:
        return bm25s.BM25(k1=self.k1, b=self.b, method="lucene", backend="numpy", csc_backend="numpy")

    @property
    def num_scores(self) -> int:
        """Stored scores, one for each term of each passage."""
        return len(self._index.scores["data"])

    def scores(self, query: str) -> np.ndarray:
        """Scores (P,) float32 of all passages; 0 for one that shares no term with the query."""
        known = [self.vocabulary[term] for term in split_terms(query, self.terms) if term in self.vocabulary]
        if not known:
            return np.zeros(self.num_passages, dtype=np.float32)
        found: np.ndarray = self._index.get_scores_from_ids(known)
        return found

    def search(self, queries: Sequence[str], k: int) -> Hits:
        """The k best passages of each query; only those that share a term with it."""
        k = min(k, self.num_passages)
        rows = np.full((len(queries), k), NOTHING, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for number, query in enumerate(queries):
            found = self.scores(query)
            matching = leading(found, k, above=0.0)
            best = best_of(found[matching][None], k)
            size = best.rows.shape[1]
            rows[number, :size], scores[number, :size] = matching[best.rows[0]], best.scores[0]
        return Hits(rows, scores)

    def save(self, folder: Path) -> None:
        """Writes the files of `bm25s.BM25.save` without the passages, and `terms`, into an empty folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, file in ARRAYS.items():
            np.save(folder / file, self._index.scores[name], allow_pickle=False)
        settings = {
            "k1": self.k1, "b": self.b, "delta": 0.5, "method": "lucene", "idf_method": "lucene", "dtype": "float32",
            "int_dtype": "int32", "num_docs": self.num_passages, "version": bm25s.__version__, "backend": "numpy",
        }  # fmt: skip
        (folder / VOCABULARY).write_text(json.dumps(self.vocabulary, ensure_ascii=False), "utf-8")
        (folder / SETTINGS).write_text(json.dumps(settings, indent=1), "utf-8")
        (folder / TERMS).write_text(json.dumps({"terms": self.terms}), "utf-8")

    @staticmethod
    def load(folder: Path) -> "BM25":
        """An index that `save` wrote, its arrays in memory and checked; UserError for a damaged one."""
        note(*(folder / name for name in (*ARRAYS.values(), VOCABULARY, SETTINGS, TERMS)))
        try:
            settings, vocabulary = read_json(folder / SETTINGS), read_json(folder / VOCABULARY)
            arrays = {name: read_array(folder / file) for name, file in ARRAYS.items()}
            model = BM25(k1=float(settings["k1"]), b=float(settings["b"]), terms=_terms(folder))
            number = settings["num_docs"]
            _check(arrays, vocabulary, number)
        except FileNotFoundError as error:
            raise UserError(f"{error.filename}: not found; expected the BM25 files of an index folder") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder}: damaged BM25 files ({error}); build the index again") from None
        model.vocabulary, model.num_passages = vocabulary, number
        model._index = model._empty()
        model._index.scores = {**arrays, "num_docs": number}
        model._index.nonoccurrence_array = None
        return model


def _terms(folder: Path) -> Terms:
    value = read_json(folder / TERMS)["terms"]
    if value not in ("words", "ngrams"):
        raise ValueError(f"terms is {value!r}")
    return value  # type: ignore[no-any-return]


def _check(arrays: Mapping[str, np.ndarray], vocabulary: Any, number: Any) -> None:
    """ValueError unless the three arrays are a sparse matrix of `number` rows with a column for each word."""
    data, indices, indptr = arrays["data"], arrays["indices"], arrays["indptr"]
    if not isinstance(number, int) or number < 1 or not isinstance(vocabulary, dict):
        raise ValueError("its settings or its vocabulary are not those of an index")
    columns = sorted(vocabulary.values()) if all(type(i) is int for i in vocabulary.values()) else []
    if columns != list(range(len(vocabulary))) or indptr.shape != (len(vocabulary) + 1,):
        raise ValueError("its vocabulary does not number the columns of its scores")
    if data.dtype != np.float32 or data.ndim != 1 or indices.shape != data.shape:
        raise ValueError("its scores and their rows are not two equally long lists")
    if indices.dtype.kind not in "iu" or indptr.dtype.kind not in "iu":
        raise ValueError("its rows are not whole numbers")
    if indptr[0] != 0 or indptr[-1] != len(data) or (np.diff(indptr) < 0).any():
        raise ValueError("its columns do not follow each other")
    if len(data) and (indices.min() < 0 or indices.max() >= number or not np.isfinite(data).all()):
        raise ValueError("it has scores of passages that it does not hold")
