"""Exact match and F1 of SQuAD for answers with reference answers."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from interlace.errors import UserError

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = frozenset(string.punctuation)


class AnswerScores(NamedTuple):
    """Shares in [0, 1], means over the questions."""

    exact_match: float
    f1: float


def answer_scores(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> AnswerScores:
    """Return the means over questions of the best exact match and the best F1 among each question's reference answers.

    A question without an answer has the references [] or [""] and wants the prediction "" (SQuAD 2.0).
    """
    if len(predictions) != len(references) or not predictions:
        raise UserError(
            f"answer_scores: got {len(predictions)} predictions for {len(references)} questions; "
            "expected as many of one as of the other, at least one"
        )
    exact, f1 = 0.0, 0.0
    for prediction, given in zip(predictions, references, strict=True):
        answers = [answer for answer in given if normalise_answer(answer)] or [""]
        exact += max(exact_match(prediction, answer) for answer in answers)
        f1 += max(answer_f1(prediction, answer) for answer in answers)
    return AnswerScores(exact / len(predictions), f1 / len(predictions))


def normalise_answer(text: str) -> str:
    """Return a text in lower case without punctuation and articles, with single spaces, as in the official script."""
    text = "".join(character for character in text.lower() if character not in PUNCTUATION)
    return " ".join(ARTICLES.sub(" ", text).split())


def exact_match(prediction: str, answer: str) -> float:
    """Return 1 if both are equal after normalisation, else 0."""
    return float(normalise_answer(prediction) == normalise_answer(answer))


def answer_f1(prediction: str, answer: str) -> float:
    """Return the harmonic mean of precision and recall over bags of words; if one is empty, 1 if both are, else 0."""
    ours, right = normalise_answer(prediction).split(), normalise_answer(answer).split()
    if not ours or not right:
        return float(ours == right)
    common = (Counter(ours) & Counter(right)).total()
    # 2 P R / (P + R) with P = common / |ours| and R = common / |right|
    return 2 * common / (len(ours) + len(right))
