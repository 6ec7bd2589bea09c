"""Reading without training by steps: the sentence that shares most with the question, or a name or number of it."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from interlace.data.reading_comprehension.split import ReadingSplit
from interlace.data.reading_comprehension.windows import FIRST, LAST, QUESTION
from interlace.errors import UserError
from interlace.models.ngram.storage import replacing
from interlace.reading.documents import read_json

FORMAT = 1
WORD = re.compile(r"\w+")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=\S)|(?<=[。！？])\s*(?=\S)")
# Capitalised words in a row, or a number with the marks inside it.
NAME_OR_NUMBER = re.compile(r"[^\W\d_a-z]\w*(?:[ -][^\W\d_a-z]\w*)*|\d(?:[\d,.]*\d)?%?")


class BestSentence:
    """Control for reading: the sentence of a window whose words in common with the question weigh most, a word
    ln((n + 1) / (d + 1/2)) for d of the n training contexts that have it.

    `answer` "sentence": that sentence. "name_or_number": the first run of capitalised words, or number, in it whose
    words are not all in the question (a capital at its beginning alone does not count where a twentieth of the
    contexts has the word); the sentence where there is none.
    """

    def __init__(self, *, answer: Literal["sentence", "name_or_number"]) -> None:
        self.options: dict[str, Any] = {"answer": answer}
        self.chosen: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()
        self.num_contexts = 0

    def fit(
        self,
        split: ReadingSplit,
        labels: np.ndarray,
        *,
        num_classes: int | None,
        held_out: ReadingSplit,
        score: Callable[[float, np.ndarray], float],
    ) -> None:
        """Counts words in the contexts of `split`; nothing is chosen on held-out data."""
        contexts = dict.fromkeys(question.context for question in split.questions)
        self.counts = Counter(word for context in contexts for word in words_of(context))
        self.num_contexts = len(contexts)

    @property
    def num_parameters(self) -> int:
        """A count for each word."""
        return len(self.counts)

    def flops(self, split: ReadingSplit) -> int:
        """None are counted: it compares sets of words."""
        return 0

    def predict(self, split: ReadingSplit) -> np.ndarray:
        """Outputs of each window that `interlace.tasks.span.task` reads, (N, 6); probability and loss are NaN."""
        found = np.full((len(split), 6), np.nan)
        for row, (_, first, last) in enumerate(split.labels[:, [QUESTION, FIRST, LAST]].tolist()):
            window = split.place(row, first, last)
            start, end, score = self.answer(split.questions[int(split.labels[row, QUESTION])].question, window.text)
            tokens = split.tokens(row, window.start + start, window.start + end)
            found[row, :4] = (*tokens, score, 0.0)
        return found

    def answer(self, question: str, text: str) -> tuple[int, int, float]:
        """Characters of the answer in the text, and the weight of the words that its sentence shares."""
        asked = words_of(question)
        parts = list(sentences(text))
        weights = [sum(self._weight(word) for word in asked & words_of(text[a:b])) for a, b in parts]
        best = int(np.argmax(weights))
        start, end = parts[best]
        if self.options["answer"] == "name_or_number":
            for match in NAME_OR_NUMBER.finditer(text, start, end):
                words = words_of(match.group())
                if not words <= asked and not (match.start() == start and len(words) == 1 and words <= self._common):
                    return match.start(), match.end(), weights[best]
        return start, end, weights[best]

    def weight_of(self, words: set[str]) -> float:
        """Sum of the weights of words."""
        return sum(self._weight(word) for word in words)

    def _weight(self, word: str) -> float:
        return math.log((self.num_contexts + 1) / (self.counts[word] + 0.5))

    @cached_property
    def _common(self) -> set[str]:
        return {word for word, count in self.counts.items() if count > self.num_contexts / 20}

    def save(self, path: Path) -> None:
        """Write counts and options as JSON."""
        content = {"format": FORMAT, "options": self.options, "num_contexts": self.num_contexts, "counts": self.counts}
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")

    @staticmethod
    def load(path: Path) -> "BestSentence":
        """Load what `save` wrote. Raises UserError when the file is missing or damaged."""
        try:
            content = read_json(path)
            if content["format"] != FORMAT:
                raise UserError(f"{path}: format {content['format']!r}, expected {FORMAT}; train the run again")
            model = BestSentence(**content["options"])
            model.counts, model.num_contexts = Counter(content["counts"]), int(content["num_contexts"])
        except FileNotFoundError:
            raise UserError(f"{path}: not found; expected the counts that the run saved") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: damaged or incomplete counts of words ({error}); train the run again") from None
        return model


def words_of(text: str) -> set[str]:
    """The words of a text in lower case."""
    return {match.group().lower() for match in WORD.finditer(text)}


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Characters of each sentence; white space before the first and after the last is part of none."""
    start = len(text) - len(text.lstrip())
    for match in SENTENCE_END.finditer(text, start):
        if match.start() > start:
            yield start, match.start()
            start = match.end()
    end = len(text.rstrip())
    if end > start or start == 0:
        yield start, end
