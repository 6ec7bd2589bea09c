"""Word vectors: nearest neighbours, analogies and embedding tables."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from interlace.data.word_vector_files import Format, format_of, read_vectors, write_vectors
from interlace.errors import UserError


class Coverage(NamedTuple):
    """Number of requested words that have a vector."""

    wanted: int
    exact: int
    lower_cased: int  # found only in lower case

    @property
    def share(self) -> float:
        """Fraction of the requested words that were found, 0 to 1."""
        return (self.exact + self.lower_cased) / max(self.wanted, 1)

    def __str__(self) -> str:
        return (
            f"{self.exact + self.lower_cased} of {self.wanted} words have a vector ({self.share:.1%}; "
            f"{self.lower_cased} by their lower-case form)"
        )


class WordVectors:
    """V distinct words and their vectors (V, D) float32 in the order of the file, by convention most frequent first."""

    def __init__(self, words: Sequence[str], matrix: np.ndarray) -> None:
        matrix = np.asarray(matrix, dtype=np.float32)
        if matrix.ndim != 2 or len(words) != len(matrix) or not matrix.size:
            raise UserError(f"word vectors: {len(words)} words need a matrix with as many rows, got {matrix.shape}")
        self.words = list(words)
        self.matrix = matrix
        self.index = {word: row for row, word in enumerate(self.words)}
        if len(self.index) < len(self.words):
            twice = next(word for row, word in enumerate(self.words) if self.index[word] != row)
            raise UserError(f"word vectors: the word {twice!r} occurs twice; keep one of the two vectors")

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    @property
    def dim(self) -> int:
        """Width D of the vectors."""
        return int(self.matrix.shape[1])

    def vector(self, word: str) -> np.ndarray:
        """Return the vector (D,) of a word. Raises UserError with a similar spelling if there is none."""
        return self.matrix[self._row(word)]

    def unit_matrix(self) -> np.ndarray:
        """Return all vectors scaled to unit length (V, D); zero vectors are unchanged."""
        length = np.linalg.norm(self.matrix, axis=1, keepdims=True)
        return self.matrix / np.where(length > 0, length, 1.0)

    def nearest(self, word: str, k: int) -> list[tuple[str, float]]:
        """Return the k other words with the highest cosine similarity, and the similarities."""
        row = self._row(word)
        unit = self.unit_matrix()
        return self._best(unit @ unit[row], {row}, k)

    def analogy(self, a: str, b: str, c: str, k: int = 1) -> list[tuple[str, float]]:
        """Return the k words nearest to b - a + c (a is to b as c is to ...) over unit vectors, without these three.

        3CosAdd (Mikolov et al. 2013c); the query is scaled to unit length, so that the scores are cosines.
        """
        rows = [self._row(word) for word in (a, b, c)]
        unit = self.unit_matrix()
        query = unit[rows[1]] - unit[rows[0]] + unit[rows[2]]
        length = np.linalg.norm(query)
        return self._best(unit @ (query / length if length > 0 else query), set(rows), k)

    def matrix_for(
        self,
        words: Sequence[str],
        *,
        missing: Literal["zeros", "mean", "random"] = "random",
        lower_case: bool = True,
        seed: int = 0,
    ) -> tuple[np.ndarray, Coverage]:
        """Return an embedding table (len(words), D) float32 for the words of a tokenizer, and the coverage.

        With `lower_case` a missing word gets the vector of its lower-case form. The others get `zeros`, the `mean` of
        all vectors, or `random` normal values with the mean and standard deviation of each dimension.
        """
        found = [self.index.get(word, -1) for word in words]
        exact = sum(row >= 0 for row in found)
        if lower_case:
            found = [
                row if row >= 0 else self.index.get(word.lower(), -1) for row, word in zip(found, words, strict=True)
            ]
        rows = np.array(found, dtype=np.int64)
        known = rows >= 0
        table = np.zeros((len(words), self.dim), dtype=np.float32)
        table[known] = self.matrix[rows[known]]
        if missing != "zeros":
            table[~known] = self.matrix.mean(0)
        if missing == "random":
            noise = np.random.default_rng(seed).standard_normal((int((~known).sum()), self.dim), dtype=np.float32)
            table[~known] += noise * self.matrix.std(0)
        return table, Coverage(len(words), exact, int(known.sum()) - exact)

    def save(self, path: Path | str, format: Format | None = None) -> None:
        """Write all vectors atomically; `format` None: by the file name, see `format_of`. `.gz` is compressed."""
        write_vectors(Path(path), self.words, self.matrix, format or format_of(Path(path)))

    @staticmethod
    def load(path: Path | str, format: Format | None = None) -> "WordVectors":
        """Read a file; `format` None: detected from its first bytes. UserErrors name the invalid line or byte."""
        return WordVectors(*read_vectors(Path(path), format))

    def _row(self, word: str) -> int:
        row = self.index.get(word)
        if row is None:
            variants = [v for v in (word.lower(), word.capitalize(), word.upper()) if v in self.index]
            hint = f"; did you mean {variants[0]!r}?" if variants else ""
            raise UserError(f"the word {word!r} has no vector among the {len(self)} words{hint}")
        return row

    def _best(self, scores: np.ndarray, excluded: Iterable[int], k: int) -> list[tuple[str, float]]:
        scores = scores.copy()
        scores[list(excluded)] = -np.inf
        order = np.argsort(-scores, kind="stable")[:k]
        return [(self.words[i], float(scores[i])) for i in order if np.isfinite(scores[i])]
