"""Corrected texts with reference texts: F0.5 of edits, share of right words, WER, CER, real-word errors."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from interlace.data.text_pairs import Pairs
from interlace.metrics.correction import Counts, count, measures
from interlace.metrics.edits import tokens
from interlace.metrics.text import SignedScore
from interlace.tasks.text_task import TextTask, Trivial, WrittenTexts

UNITS = "tokens:letters, digits, single other characters"


class Correction(TextTask):
    """A text without the errors of its source. `min_letters`: letters of the reference words that word accuracy counts.

    A real-word error is a wrong word whose form occurs, in any case, in the references of the training pairs.
    """

    name = "correction"
    verb = "correct"
    usual = (
        *("word_accuracy", "edit_f05", "edit_precision", "edit_recall", "damaged_words", "wer", "cer"),
        *("mean_word_accuracy", "ser"),
    )

    def __init__(self, *, min_letters: Annotated[int, Field(ge=1)]) -> None:
        self.min_letters = min_letters
        self.known: frozenset[str] = frozenset()

    def fit(self, train: Pairs) -> None:
        """Take over the known words."""
        self.known = frozenset(word.lower() for given in train.references for text in given for word in tokens(text))

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return the share of right words of each text (NaN without one that counts), and 1 for one with an error."""
        counts = self._counts(written)
        shares = [each.right / each.long if each.long else np.nan for each in counts]
        return {
            "mean_word_accuracy": np.array(shares),
            "ser": np.array([float(each.word_errors > 0) for each in counts]),
        }

    def corpus_scores(self, written: WrittenTexts) -> Mapping[str, SignedScore]:
        """Return the metrics that are pooled over all texts."""
        signature = f"{UNITS}|case:kept|min_letters:{self.min_letters}"
        pooled = measures(sum(self._counts(written), Counts()))
        return {name: SignedScore(value, signature) for name, value in pooled.items()}

    def trivial(self, train: Pairs, test: Pairs) -> Trivial:
        """Return copies of the sources."""
        return Trivial("copy of the source", list(test.sources))

    def _counts(self, written: WrittenTexts) -> list[Counts]:
        pairs = zip(written.pairs.sources, written.texts, written.pairs.references, strict=True)
        return [count(*each, self.known, min_letters=self.min_letters) for each in pairs]
