"""Typing errors: one edit in a share of the words of a text."""

from collections.abc import Iterable
from typing import Annotated

import numpy as np
from pydantic import Field

from interlace.data.deletion_index import DeletionIndex
from interlace.errors import UserError
from interlace.metrics.edits import WORD

KINDS = ("deletion", "insertion", "substitution", "transposition")


class TypingErrors:
    """Corruption of texts: each word of at least `min_letters` letters gets one edit with probability `rate`.

    The edit is a deletion, an insertion, a substitution or a transposition of two neighbours, drawn uniformly, at a
    place drawn uniformly, with letters drawn uniformly from `letters`. A capital at the beginning, and capitals
    throughout, stay. A share `real_words` of the errors are words of `learn` one edit away, where there is one.
    """

    def __init__(
        self,
        *,
        rate: Annotated[float, Field(ge=0, le=1)],
        min_letters: Annotated[int, Field(ge=2)],
        letters: str,
        real_words: Annotated[float, Field(ge=0, le=1)],
    ) -> None:
        if len(set(letters)) < 2:
            raise UserError(f"data.letters: got {letters!r}; expected two different letters or more")
        self.rate, self.min_letters, self.letters, self.real_words = rate, min_letters, letters, real_words
        self._index: DeletionIndex | None = None

    def learn(self, texts: Iterable[str]) -> None:
        """Take over the words that real-word errors are drawn from."""
        if self.real_words:
            found = (word.lower() for text in texts for word in WORD.findall(text))
            self._index = DeletionIndex(found, 1)

    def corrupt(self, text: str, rng: np.random.Generator) -> str:
        """Return the text with errors."""
        parts, end = [], 0
        for match in WORD.finditer(text):
            word = match.group()
            if len(word) >= self.min_letters and rng.random() < self.rate:
                parts += [text[end : match.start()], recased(self._wrong(uncased(word), rng), word)]
                end = match.end()
        return "".join([*parts, text[end:]])

    def _wrong(self, word: str, rng: np.random.Generator) -> str:
        if self._index is not None and rng.random() < self.real_words:
            near = [found for found, distance in self._index(word) if distance == 1]
            if near:
                return near[int(rng.integers(len(near)))]
        while True:
            made = self._edited(word, KINDS[int(rng.integers(len(KINDS)))], rng)
            if made != word:
                return made

    def _edited(self, word: str, kind: str, rng: np.random.Generator) -> str:
        places = len(word) + {"insertion": 1, "transposition": -1}.get(kind, 0)
        at = int(rng.integers(places))
        if kind == "deletion":
            return word[:at] + word[at + 1 :]
        if kind == "transposition":
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        letter = self.letters[int(rng.integers(len(self.letters)))]
        return word[:at] + letter + word[at + (kind == "substitution") :]


def uncased(word: str) -> str:
    """Return a word in lower case if its capitals are at the beginning or throughout; else the word."""
    return word.lower() if word in (word.capitalize(), word.upper()) else word


def recased(word: str, pattern: str) -> str:
    """Return a word with a capital at the beginning, or throughout, if `pattern` has them."""
    if len(pattern) > 1 and pattern == pattern.upper() != pattern.lower():
        return word.upper()
    return word[:1].upper() + word[1:] if pattern[:1].isupper() else word
