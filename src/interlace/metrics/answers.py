"""Exact match and F1 for answers with reference answers: of SQuAD, and of MLQA for other languages than English."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

from interlace.errors import UserError

Language = Literal["en", "de", "es", "hi", "vi", "ar", "zh"]
ASCII_PUNCTUATION = frozenset(string.punctuation)
# What MLQA's evaluation script (Lewis et al. 2020, version 1) takes for articles; Hindi and Chinese have none.
ARTICLES: dict[str, re.Pattern[str]] = {
    "en": re.compile(r"\b(a|an|the)\b"),
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
    "vi": re.compile(r"\b(của|là|cái|chiếc|những)\b"),
    "ar": re.compile(r"\sال^|ال"),
}
HAN = re.compile("([\u4e00-\u9fa5])")


class AnswerScores(NamedTuple):
    """Shares in [0, 1], means over the questions."""

    exact_match: float
    f1: float


def answer_scores(
    predictions: Sequence[str], references: Sequence[Sequence[str]], language: Language = "en"
) -> AnswerScores:
    """Return the means over questions of the best exact match and the best F1 among each question's reference answers.

    A question without an answer has the references [] or [""] and wants the prediction "" (SQuAD 2.0).
    """
    if len(predictions) != len(references) or not predictions:
        raise UserError(
            f"answer_scores: got {len(predictions)} predictions for {len(references)} questions; "
            "expected as many of one as of the other, at least one"
        )
    scores = [best_scores(*pair, language) for pair in zip(predictions, references, strict=True)]
    return AnswerScores(*(sum(column) / len(scores) for column in zip(*scores, strict=True)))


def best_scores(prediction: str, references: Sequence[str], language: Language = "en") -> AnswerScores:
    """Return exact match and F1 of one prediction, each with the reference that fits it best; [] or [""]: no answer."""
    answers = [answer for answer in references if normalise_answer(answer, language)] or [""]
    return AnswerScores(
        max(exact_match(prediction, answer, language) for answer in answers),
        max(answer_f1(prediction, answer, language) for answer in answers),
    )


def normalise_answer(text: str, language: Language = "en") -> str:
    """Return a text in lower case without punctuation and articles, with single spaces, as in the official scripts.

    English as SQuAD's: punctuation is that of ASCII. Other languages as MLQA's: punctuation of Unicode, their own
    articles, and for Chinese mixed segmentation, each Chinese character a word of its own.
    """
    marks = ASCII_PUNCTUATION if language == "en" else ASCII_PUNCTUATION | _unicode_punctuation(text)
    text = "".join(character for character in text.lower() if character not in marks)
    if language in ARTICLES:
        text = ARTICLES[language].sub(" ", text)
    if language == "zh":
        text = HAN.sub(r" \1 ", text)
    return " ".join(text.split())


def _unicode_punctuation(text: str) -> frozenset[str]:
    return frozenset(character for character in text.lower() if _is_punctuation(character))


@cache
def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def exact_match(prediction: str, answer: str, language: Language = "en") -> float:
    """Return 1 if both are equal after normalisation, else 0."""
    return float(normalise_answer(prediction, language) == normalise_answer(answer, language))


def answer_f1(prediction: str, answer: str, language: Language = "en") -> float:
    """Return the harmonic mean of precision and recall over bags of words; if one is empty, 1 if both are, else 0."""
    ours, right = normalise_answer(prediction, language).split(), normalise_answer(answer, language).split()
    if not ours or not right:
        return float(ours == right)
    common = (Counter(ours) & Counter(right)).total()
    # 2 P R / (P + R) with P = common / |ours| and R = common / |right|
    return 2 * common / (len(ours) + len(right))
