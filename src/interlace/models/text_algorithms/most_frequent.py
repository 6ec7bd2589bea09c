"""The most frequent text of training: the least that a model has to beat where few answers are common."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interlace.data.text_pairs import Pairs
from interlace.models.text_algorithm import Answer, TextAlgorithm


class MostFrequentText(TextAlgorithm):
    """The same text for every source: the one that training has most often, of equal ones the first by its letters.

    Its confidence is that text's share of the training texts. A candidate is rated by its number among these.
    """

    state_file = "most_frequent.json"

    gives_probabilities = True

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.share = 0.0
        self.counts: dict[str, int] = {}

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Counts the training texts."""
        self.counts = counts = Counter(train.targets)
        self.text = min(counts, key=lambda text: (-counts[text], text))
        self.share = counts[self.text] / len(train)
        self.chosen = {"text": self.text}

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """The text, once for each source."""
        return [Answer(self.text, self.share) for _ in sources]

    def rate(self, sources: Sequence[str], candidates: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the counts (N, k) of the candidates among the training texts."""
        return np.array([[self.counts.get(text, 0) for text in texts] for texts in candidates], dtype=np.float64)

    def state(self) -> dict[str, Any]:
        """Return the text, its share, and the counts of all texts."""
        return {"text": self.text, "share": self.share, "counts": self.counts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in a `state`."""
        self.text, self.share = str(state["text"]), float(state["share"])
        self.counts = {str(text): int(count) for text, count in state["counts"].items()}
        self.chosen = {"text": self.text}
