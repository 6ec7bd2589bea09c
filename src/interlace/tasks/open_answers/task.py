"""Answers to questions without a context: right, supported by their sources, or withheld."""

from collections.abc import Mapping

import numpy as np

from interlace.metrics.answers import normalise_answer
from interlace.tasks.question_answering.task import QuestionAnswering
from interlace.tasks.text_task import WrittenTexts

UNKNOWN = normalise_answer("I do not know")


class OpenAnswers(QuestionAnswering):
    """A short answer, or "I do not know", which counts as wrong in exact match and F1.

    `answered`: share of questions with another answer than that. `exact_match_answered`: exact match among them.
    `supported`: share of them whose sources contain the answer, word for word after SQuAD's normalisation; NaN where
    a model tells no sources.
    """

    name = "open_answers"
    usual = ("exact_match", "f1", "answered", "exact_match_answered", "supported")

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return the scores of each answer."""
        scores = dict(super().item_scores(written))
        answers = [normalise_answer(text) for text in written.texts]
        answered = np.array([bool(text) and text != UNKNOWN for text in answers])
        scores["answered"] = answered.astype(np.float64)
        scores["exact_match_answered"] = np.where(answered, scores["exact_match"], np.nan)
        details = written.details or [{}] * len(answers)
        supported = np.full(len(answers), np.nan)
        for row, (text, told) in enumerate(zip(answers, details, strict=True)):
            if answered[row] and "sources" in told:
                texts = [f" {normalise_answer(str(source['text']))} " for source in told["sources"]]
                supported[row] = float(any(f" {text} " in source for source in texts))
        if not np.isnan(supported).all():
            scores["supported"] = supported
        return scores
