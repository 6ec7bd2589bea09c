"""A split whose rows are windows of contexts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from interlace.data.arrays import RawArray
from interlace.data.bucketing import bucketed_order
from interlace.data.reading_comprehension.questions import Question
from interlace.data.reading_comprehension.windows import ANSWERS, FIRST, NO_ANSWER, QUESTION, Windows, tokens_of
from interlace.data.sequences import JOINER, SequenceTokenizer
from interlace.data.split import Split

TEXT = "text"


class Place(NamedTuple):
    """The characters of a question's context from `start` to before `end`, and these as `text`."""

    text: str
    start: int
    end: int


class ReadingSplit(Split):
    """Windows in the order of their length, so that batches of them hold little padding; id, groups and cluster (the
    article) of a window are those of its question. `questions` stand in the order of the file."""

    def __init__(self, questions: Sequence[Question], windows: Windows, sequences: SequenceTokenizer) -> None:
        order = np.argsort([len(ids) for ids in windows.ids], kind="stable")
        x, length = sequences.padded([windows.ids[row] for row in order])
        labels = windows.labels[order]
        asked = labels[:, QUESTION]
        self.questions = list(questions)
        self.starts = windows.starts[order]
        self.offsets = windows.offsets
        self.lengths = length
        groups = {}
        answerable = np.array([bool(question.answers) for question in questions])
        if 0 < answerable.sum() < len(answerable):
            groups["answers"] = np.where(answerable, "answerable", "unanswerable")[asked]
        super().__init__(
            {TEXT: RawArray(x, length, np.ones(len(x), dtype=bool))},
            labels,
            [questions[row].id for row in asked],
            groups,
            {TEXT: []},
            clusters=np.array([question.article for question in questions], dtype=object)[asked].astype(str),
        )
        self.texts = {TEXT: [self._shown(row) for row in range(len(labels))]}

    def order(self, batch_size: int, *, seed: int, epoch: int) -> np.ndarray:
        """The training order: batches of windows of similar length."""
        return bucketed_order(self.lengths, batch_size, seed=seed, epoch=epoch)

    def place(self, row: int, first: int, last: int) -> Place:
        """The characters of the context that the positions `first` to `last` of the window `row` cover."""
        question = int(self.labels[row, QUESTION])
        shift = int(self.starts[row] - self.labels[row, FIRST])
        start, end = int(self.offsets[question][first + shift, 0]), int(self.offsets[question][last + shift, 1])
        return Place(self.questions[question].context[start:end], start, end)

    def tokens(self, row: int, start: int, end: int) -> tuple[int, int]:
        """The positions in the window `row` of the first and the last token with characters of the context from
        `start` to before `end`, which lie in the window."""
        _, before, last = self.labels[row, :ANSWERS].tolist()
        at = int(self.starts[row])
        a, b = tokens_of(start, end, self.offsets[int(self.labels[row, QUESTION])][at : at + last - before + 1])
        return a + before, b + before

    @property
    def num_without_answer(self) -> int:
        """Windows that do not hold a whole answer."""
        return int((self.labels[:, ANSWERS] == NO_ANSWER).sum())

    @property
    def num_in_no_window(self) -> int:
        """Questions with answers of which no window holds one whole."""
        held = set(self.labels[self.labels[:, ANSWERS] != NO_ANSWER, QUESTION].tolist())
        return sum(bool(each.answers) and row not in held for row, each in enumerate(self.questions))

    def _shown(self, row: int) -> str:
        _, first, last = self.labels[row, :ANSWERS].tolist()
        question = self.questions[int(self.labels[row, QUESTION])].question
        return question + JOINER + (self.place(row, first, last).text if last >= first else "")
