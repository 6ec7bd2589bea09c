"""Correction of words by the nearest word of a dictionary."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from interlace.data.deletion_index import DeletionIndex
from interlace.data.text_pairs import Pairs
from interlace.data.typing_errors import recased
from interlace.metrics.edits import WORD
from interlace.models.text_algorithm import Answer, TextAlgorithm
from interlace.models.text_algorithms.dictionary import count_words, read_dictionary


class SymSpell(TextAlgorithm):
    """An unknown word becomes the nearest known one, of several the most frequent (SymSpell's lookup, verbosity TOP).

    The dictionary are the words of the right training texts, or those of the file `dictionary` (lines "word number").
    Words of fewer than `min_letters` letters stay. Capitals at the beginning or throughout are kept.
    """

    def __init__(
        self,
        *,
        max_distance: Annotated[int, Field(ge=1, le=3)],
        min_letters: Annotated[int, Field(ge=1)],
        dictionary: str | None,
    ) -> None:
        super().__init__()
        self.max_distance, self.min_letters = max_distance, min_letters
        self.given = None if dictionary is None else Path(dictionary).expanduser()
        self.counts: Counter[str] = Counter()

    @property
    def num_parameters(self) -> int:
        """Words of the dictionary."""
        return len(self.counts)

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Count words, or read the dictionary."""
        self._take(read_dictionary(self.given) if self.given else count_words(train.targets))

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """Return the texts with their unknown words replaced."""
        return [Answer(WORD.sub(lambda match: self._corrected(match.group()), text)) for text in sources]

    def _take(self, counts: Counter[str]) -> None:
        self.counts = counts
        self.index = DeletionIndex(counts, self.max_distance)

    def _corrected(self, typed: str) -> str:
        word = typed.lower()
        if word in self.counts or len(word) < self.min_letters:
            return typed
        near = self.index(word)
        if not near:
            return typed
        best, _ = min(near, key=lambda each: (each[1], -self.counts[each[0]], each[0]))
        return recased(best, typed)

    def state(self) -> dict[str, Any]:
        """Return the words with their numbers."""
        return {"counts": dict(self.counts)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in a `state`."""
        self._take(Counter(state["counts"]))
