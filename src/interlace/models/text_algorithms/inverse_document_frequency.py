"""Inverse document frequencies of words."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from interlace.metrics.rouge import words


class InverseDocumentFrequency:
    """idf(w) = ln(N / n_w): n_w of N documents hold the word; of words that none holds n_w is 1 (as rare as can be)."""

    def __init__(self, num_documents: int = 1, counts: dict[str, int] | None = None) -> None:
        self.num_documents = num_documents
        self.counts = counts or {}

    @classmethod
    def of(cls, documents: Sequence[str]) -> "InverseDocumentFrequency":
        """Counted over these documents, at least one."""
        counts: Counter[str] = Counter()
        for text in documents:
            counts.update(set(words(text)))
        return cls(len(documents), dict(counts))

    def __call__(self, word: str) -> float:
        return math.log(self.num_documents / self.counts.get(word, 1))

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """tf idf of each text, (n, V): V is the number of different words among them."""
        bags = [Counter(words(text)) for text in texts]
        vocabulary = {word: column for column, word in enumerate(dict.fromkeys(w for bag in bags for w in bag))}
        matrix = np.zeros((len(texts), len(vocabulary)))
        for row, bag in enumerate(bags):
            for word, count in bag.items():
                matrix[row, vocabulary[word]] = count * self(word)
        return matrix


def cosines(vectors: np.ndarray) -> np.ndarray:
    """Cosines (n, n) between rows; 1 of a row with itself, 0 of a row of zeros with others."""
    norms = np.linalg.norm(vectors, axis=1)
    unit = vectors / np.where(norms > 0, norms, 1)[:, None]
    similarity = np.clip(unit @ unit.T, 0, 1)
    np.fill_diagonal(similarity, 1)
    return similarity
