"""Word translation probabilities from sentence pairs: IBM Model 1."""

from collections.abc import Sequence

import numpy as np

NULL = "\0"  # the empty source word
FLOOR = 1e-7  # probability of a word that no source word has been seen with


class WordTranslation:
    """t(target | source word), with an empty source word, by expectation maximisation (Brown et al. 1993, Model 1).

    The cost of an iteration is proportional to the links: the products of the lengths of all pairs.
    """

    def __init__(self, sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]], iterations: int = 5) -> None:
        self.source_ids = {word: at for at, word in enumerate(dict.fromkeys([NULL, *_flat(sources)]))}
        self.target_ids = {word: at for at, word in enumerate(dict.fromkeys(_flat(targets)))}
        links, words = [], []
        number = 0  # of target words, each the place where one unit of probability is shared
        for source, target in zip(sources, targets, strict=True):
            left = np.array([self.source_ids[word] for word in (NULL, *source)])
            right = np.array([self.target_ids[word] for word in target], dtype=np.int64)
            links.append((left[:, None] * len(self.target_ids) + right).ravel())
            words.append(np.tile(np.arange(number, number + len(right)), len(left)))
            number += len(right)
        self._keys, place = np.unique(np.concatenate(links), return_inverse=True)
        shared = np.concatenate(words)
        rows = self._keys // max(1, len(self.target_ids))
        self._values = np.full(len(self._keys), 1.0)
        for _ in range(iterations):
            parts = self._values[place]
            parts /= np.bincount(shared, parts)[shared]
            counts = np.bincount(place, parts, minlength=len(self._keys))
            self._values = counts / np.bincount(rows, counts)[rows]

    def best(self) -> dict[str, tuple[str, float]]:
        """Return for each source word the most probable target word and its ln t, the empty source word left out."""
        targets = list(self.target_ids)
        rows, columns = np.divmod(self._keys, max(1, len(targets)))
        found: dict[int, int] = {}
        for at in np.lexsort((columns, -self._values, rows)).tolist():
            found.setdefault(int(rows[at]), at)
        values = np.log(np.maximum(self._values, FLOOR))
        return {
            word: (targets[int(columns[found[row]])], float(values[found[row]]))
            for word, row in self.source_ids.items()
            if word != NULL and row in found
        }

    def word_scores(self, source: Sequence[str], target: Sequence[str]) -> np.ndarray:
        """Return ln of the mean of t(word | source word) over source words and the empty one, for each target word."""
        left = np.array([self.source_ids.get(word, -1) for word in (NULL, *source)])
        right = np.array([self.target_ids.get(word, -1) for word in target], dtype=np.int64)
        wanted = left[:, None] * len(self.target_ids) + right  # (S + 1, T)
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        known = (self._keys[at] == wanted) & (left >= 0)[:, None] & (right >= 0)
        return np.asarray(np.log(np.maximum(np.where(known, self._values[at], 0.0).mean(axis=0), FLOOR)))


def _flat(texts: Sequence[Sequence[str]]) -> list[str]:
    return [word for text in texts for word in text]
