"""Answers to questions without a context: right, supported by their sources, or withheld."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from interlace.data.question_context import context_of
from interlace.knowledge_graph.questions import NOT_IN_GRAPH
from interlace.metrics.answers import normalise_answer
from interlace.tasks.question_answering.task import QuestionAnswering
from interlace.tasks.text_task import WrittenTexts

WITHHELD = {normalise_answer(text) for text in ("I do not know", NOT_IN_GRAPH)}


class OpenAnswers(QuestionAnswering):
    """A short answer, or "I do not know" or "not in the graph", which count as wrong in exact match and F1.

    `answered`: share of questions with another answer than these. `exact_match_answered`: exact match among them.
    `supported`: share of them whose sources contain the answer, word for word after SQuAD's normalisation. Sources are
    the passages that a model tells, the facts of a graph in words, or the context in the text that a model reads; NaN
    without any.
    """

    name = "open_answers"
    usual = ("exact_match", "f1", "answered", "exact_match_answered", "supported")

    def item_scores(self, written: WrittenTexts) -> Mapping[str, np.ndarray]:
        """Return the scores of each answer."""
        scores = dict(super().item_scores(written))
        answers = [normalise_answer(text) for text in written.texts]
        answered = np.array([bool(text) and text not in WITHHELD for text in answers])
        scores["answered"] = answered.astype(np.float64)
        scores["exact_match_answered"] = np.where(answered, scores["exact_match"], np.nan)
        details = written.details or [{}] * len(answers)
        supported = np.full(len(answers), np.nan)
        for row, (text, told) in enumerate(zip(answers, details, strict=True)):
            sources = _sources(written.pairs.sources[row], told)
            if answered[row] and sources is not None:
                supported[row] = float(any(f" {text} " in f" {normalise_answer(source)} " for source in sources))
        if not np.isnan(supported).all():
            scores["supported"] = supported
        return scores


def _sources(asked: str, told: Mapping[str, Any]) -> list[str] | None:
    """Return the texts that an answer may rest on; None for a model that has none but its weights."""
    if "sources" in told:
        return [str(source["text"]) for source in told["sources"]]
    if "path" in told:
        return [str(fact) for fact in told["path"]]
    context = context_of(asked)
    return None if context is None else [context]
