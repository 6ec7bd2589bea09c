"""Exact match and F1 of answers: torchmetrics' SQuAD on drawn texts, and MLQA's rules by hand."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchmetrics.functional.text import squad

from interlace.metrics.answers import answer_f1, answer_scores, best_scores, exact_match, normalise_answer

PIECES = [
    "the",
    "The",
    "a",
    "an",
    "cat",
    "Cat's",
    "cats",
    "1,000",
    "...",
    "é",
    "“q”",
    "x-y",
    "\u00a0",
    " ",
    "\n",
    "Ana",
    "İ",
]
TEXT = st.lists(st.sampled_from(PIECES), max_size=6).map(" ".join) | st.text(max_size=8)


@settings(max_examples=150, deadline=None)
@given(prediction=TEXT, references=st.lists(TEXT, min_size=1, max_size=3))
def test_english_scores_are_those_of_torchmetrics(prediction, references) -> None:
    assume(all(normalise_answer(reference) for reference in references))
    expected = squad(
        [{"prediction_text": prediction, "id": "1"}],
        [{"answers": {"answer_start": [0] * len(references), "text": references}, "id": "1"}],
    )
    found = best_scores(prediction, references)
    assert 100 * found.exact_match == pytest.approx(float(expected["exact_match"]), abs=1e-4)
    assert 100 * found.f1 == pytest.approx(float(expected["f1"]), abs=1e-4)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The U.S.A. “and” the cat", "usa “and” cat"),  # ASCII punctuation only, as SQuAD's script
        ("de", "Die „Alte Brücke“ des Ortes, der", "alte brücke ortes"),
        ("de", "the Haus", "the haus"),
        ("es", "¿El río de los Ángeles?", "río de ángeles"),
        ("hi", "भारत, the", "भारत the"),
        ("vi", "của những con mèo", "con mèo"),
        ("ar", "الكتاب", "كتاب"),
        ("zh", "《北京》是 2008年 the奥运", "北 京 是 2008 年 the 奥 运"),
    ],
)
def test_languages_are_normalised_as_mlqa_does(language, text, expected) -> None:
    assert normalise_answer(text, language) == expected


def test_chinese_overlap_is_counted_in_characters() -> None:
    # "北京市" and "北京": 3 and 2 words, 2 in common
    assert answer_f1("北京市", "北京", "zh") == pytest.approx(4 / 5)
    assert answer_f1("北京市", "北京") == 0.0
    assert exact_match("《北京》。", "北京", "zh") == 1.0
    assert answer_scores(["der Hund", ""], [["Hund"], []], "de") == (1.0, 1.0)
