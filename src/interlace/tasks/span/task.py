"""Extractive question answering: the part without torch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.task_spec import Joined, Record, TargetArrays, TaskSpec
from interlace.metrics.answers import Language, best_scores

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule
    from interlace.data.reading_comprehension.split import ReadingSplit
    from interlace.data.split import Split

# Columns of what the model says of a window (`SpanLearning.activate`): positions of the best span, the sum of its
# logits, that of "no answer" (position 0), the log of the sum over all spans, and the loss.
FROM, TO, SPAN, NONE, ALL, LOSS = range(6)
# Columns of what is said of a question (`Span.join`): characters of its answer in the context; the answer's score,
# above "no answer"; its probability; the loss; exact match and F1 of this answer, and of none.
START, END, SCORE, PROBABILITY, NLL, EXACT, F1, EXACT_NONE, F1_NONE = range(9)


class Span(TaskSpec):
    """The span of a context that answers a question, or none; labels of windows as in `reading_comprehension.windows`.

    The answer of a question is the best span of up to `max_answer_tokens` tokens over all windows of its context
    (Devlin et al. 2019, section 4.2); its score is the sum of its two logits, less the least such sum of "no answer"
    over the windows (section 4.3). Answers with a score up to `no_answer_threshold` are withheld: "tuned" chooses it on
    the validation data by the best F1 there, where these have questions without an answer, and otherwise withholds
    none, as null does. `language` is that of exact match and F1 (`metrics.answers`).
    """

    name = "span"
    labels = "spans of a context"
    heads = ("span",)
    monitor = "val/f1"
    usual = ("exact_match", "f1", "loss")
    pooled = False
    token_modality = "text"
    fitted_as = "spans"

    def __init__(
        self,
        *,
        language: Language,
        max_answer_tokens: Annotated[int, Field(ge=1, le=512)],
        no_answer_threshold: Literal["tuned"] | float | None,
    ) -> None:
        self.language = language
        self.max_answer_tokens = max_answer_tokens
        self.no_answer_threshold = no_answer_threshold
        self.threshold = None if no_answer_threshold == "tuned" else no_answer_threshold

    @property
    def learning(self) -> Any:
        """See `TaskSpec`."""
        from interlace.tasks.span.learning import SpanLearning

        return SpanLearning(self)

    def join(self, split: "Split", rows: np.ndarray, outputs: np.ndarray, labels: np.ndarray) -> Joined:
        """Outputs of windows (n, 6) to those of their questions (m, 9) in the order of the file; `rows` are the first
        windows of each."""
        reading = _of_windows(split)
        windows: dict[int, list[int]] = {}
        for index, question in enumerate(_questions(labels)):
            windows.setdefault(question, []).append(index)
        firsts, joined = [], []
        for question in sorted(windows):
            part = np.array(windows[question])
            firsts.append(part[0])
            joined.append(self._answer(reading, question, rows[part], outputs[part].astype(np.float64)))
        return Joined(rows[firsts], np.array(joined), labels[firsts])

    def _answer(self, split: "ReadingSplit", question: int, rows: np.ndarray, outputs: np.ndarray) -> list[float]:
        """The columns of one question from its windows (n, 6)."""
        references = [answer.text for answer in split.questions[question].answers]
        none = best_scores("", references, self.language)
        if not np.isfinite(outputs[:, : NONE + 1]).all():
            return [0, 0, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0, 0.0]
        best = int(outputs[:, SPAN].argmax())
        place = split.place(int(rows[best]), int(outputs[best, FROM]), int(outputs[best, TO]))
        score = outputs[best, SPAN] - outputs[:, NONE].min()
        with np.errstate(invalid="ignore"):  # a model may give none (NaN)
            probability = np.exp(outputs[best, SPAN] - np.logaddexp.reduce(outputs[:, ALL]))
        given = best_scores(place.text, references, self.language)
        return [place.start, place.end, score, probability, outputs[:, LOSS].mean(), *given, *none]

    def answered(self, outputs: np.ndarray) -> np.ndarray:
        """Mask (m,) of the questions of joined outputs (m, 9) that get an answer."""
        finite = np.isfinite(outputs[:, SCORE])
        return finite if self.threshold is None else finite & (outputs[:, SCORE] > self.threshold)

    def restore(self, metrics: Mapping[str, float], classes: Sequence[str]) -> None:
        """The threshold that was chosen on the validation data."""
        if self.no_answer_threshold == "tuned":
            self.threshold = metrics.get("val/no_answer_threshold")

    def arrays_of_new(self, records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Not asked: the data module makes windows of new questions itself."""
        raise NotImplementedError

    def shown_label(self, data: "DataModule", split: "Split", index: int) -> str:
        """The reference answers of the window's question."""
        return _references(_of_windows(split), _questions(split.labels)[index])

    def num_outputs(self, classes: Sequence[str]) -> int:
        """The logits of first and last token."""
        return 2

    def label_column(self, data: "DataModule", labels: np.ndarray) -> np.ndarray:
        """The reference answers, " | " between them; of windows of the test split."""
        split = _of_windows(data.splits["test"])
        return np.array([_references(split, row) for row in _questions(labels)], dtype=object)

    def columns(self, data: "DataModule", prediction: np.ndarray, label: np.ndarray) -> dict[str, Any]:
        """One row a question: question, label (reference answers), prediction ("" for none), its place in the context,
        its score, probability, correct (exact match) and score/exact_match, score/f1."""
        split = _of_windows(data.splits["test"])
        given, asked = self.answered(prediction), _questions(label)
        texts = [split.questions[row].context for row in asked]
        spans = prediction[:, [START, END]].astype(int).tolist()
        exact = np.where(given, prediction[:, EXACT], prediction[:, EXACT_NONE])
        return {
            "question": [split.questions[row].question for row in asked],
            "label": self.label_column(data, label),
            "prediction": [text[a:b] if told else "" for text, (a, b), told in zip(texts, spans, given, strict=True)],
            "start": np.where(given, prediction[:, START], -1).astype(int),
            "no_answer_score": -prediction[:, SCORE],
            "probability": prediction[:, PROBABILITY],
            "correct": exact == 1,
            "score/exact_match": exact,
            "score/f1": np.where(given, prediction[:, F1], prediction[:, F1_NONE]),
        }

    def answers(self, data: "DataModule", outputs: np.ndarray, split: "Split") -> list[dict[str, Any]]:
        """{"prediction": text or null, "start", "end": characters of the context, "score", "probability"}."""
        found = []
        for question, row, told in zip(_of_windows(split).questions, outputs, self.answered(outputs), strict=True):
            start, end = (int(place) for place in row[[START, END]])
            place = {"prediction": question.context[start:end], "start": start, "end": end}
            none = {"prediction": None, "start": None, "end": None}
            scores = {"score": round(float(row[SCORE]), 6), "probability": round(float(row[PROBABILITY]), 6)}
            found.append({**(place if told else none), **scores})
        return found


def _of_windows(split: "Split") -> "ReadingSplit":
    """Return a split whose rows are windows."""
    from interlace.data.reading_comprehension.split import ReadingSplit  # which loads torch

    assert isinstance(split, ReadingSplit), "spans are of windows"
    return split


def _questions(labels: np.ndarray) -> list[int]:
    """Return the numbers of the questions of windows, from their labels (n, 4)."""
    from interlace.data.reading_comprehension.windows import QUESTION  # which loads torch

    return [int(row) for row in labels[:, QUESTION]]


def _references(split: "ReadingSplit", question: int) -> str:
    return " | ".join(dict.fromkeys(answer.text for answer in split.questions[question].answers))
