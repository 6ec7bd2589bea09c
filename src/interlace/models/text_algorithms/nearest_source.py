"""The target of the nearest training source."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.feature_extraction.text import TfidfVectorizer

from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.models.text_algorithm import Answer, TextAlgorithm
from interlace.reading.documents import read_json

FILE = "pairs.json"


class NearestSource(TextAlgorithm):
    """The target of the training pair whose source has the largest cosine of TF-IDF vectors; the first among equals.

    TF-IDF of word n-grams up to `max_ngram`, as scikit-learn's TfidfVectorizer (smoothed idf, unit length). A candidate
    c for a source s is rated by max_i cos(s, s_i) cos(c, t_i) over the training pairs (s_i, t_i). `num_parameters` is
    the number of n-grams. The cost of a source is a product with the vectors of all training pairs.
    """

    def __init__(self, *, sublinear_tf: bool, max_ngram: Annotated[int, Field(ge=1)]) -> None:
        super().__init__()
        options = {"sublinear_tf": sublinear_tf, "ngram_range": (1, max_ngram), "token_pattern": r"(?u)\w+|[^\w\s]"}
        self.of_sources, self.of_targets = TfidfVectorizer(**options), TfidfVectorizer(**options)
        self.pairs: tuple[list[str], list[str]] = ([], [])

    @property
    def num_parameters(self) -> int:
        """Number of n-grams of sources and targets."""
        return len(self.of_sources.vocabulary_) + len(self.of_targets.vocabulary_)

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Compute the vectors of the training pairs."""
        self._index(list(train.sources), train.targets)

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """Return the target of the nearest source for each; the confidence is the cosine."""
        near = self._near(sources)
        best = near.argmax(1)
        return [
            Answer(self.pairs[1][i], float(row[i]), {"nearest": self.pairs[0][i]})
            for row, i in zip(near, best, strict=True)
        ]

    def rate(self, sources: Sequence[str], candidates: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the ratings (N, k) of candidates."""
        near = self._near(sources)
        return np.stack([
            (row * (self.of_targets.transform(texts) @ self.targets.T).toarray()).max(1)  # (k, pairs)
            for row, texts in zip(near, candidates, strict=True)
        ])  # fmt: skip

    def save(self, folder: Path) -> None:
        """Write pairs.json, from which the vectors are computed again."""
        (folder / FILE).write_text(json.dumps(self.pairs, ensure_ascii=False), encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read pairs.json."""
        try:
            sources, targets = read_json(folder / FILE)
            self._index([str(text) for text in sources], [str(text) for text in targets])
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{folder / FILE}: cannot be read ({error}); train the run again") from None

    def _index(self, sources: list[str], targets: list[str]) -> None:
        self.pairs = (sources, targets)
        self.sources = self.of_sources.fit_transform(sources)
        self.targets = self.of_targets.fit_transform(targets)

    def _near(self, sources: Sequence[str]) -> np.ndarray:
        """Return the cosines (N, pairs) with all training sources."""
        found: np.ndarray = (self.of_sources.transform(sources) @ self.sources.T).toarray()
        return found
