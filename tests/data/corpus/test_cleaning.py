from collections import Counter
from typing import Any

import numpy as np
import pytest

from interlace.data.corpus import Cleaning
from interlace.errors import UserError


def clean(texts: list[str], **options: Any) -> tuple[list[str], dict[str, int]]:
    counts: Counter[str] = Counter()
    return list(Cleaning(**options).clean(texts, counts)), dict(counts)


def test_nothing_is_done_unless_asked_for() -> None:
    texts = ["Punctuation, stays! <b>Tags</b> too.", "e\u0301\x07", "Punctuation, stays! <b>Tags</b> too."]
    assert clean(texts) == (texts, {"kept": 3})


@pytest.mark.parametrize(
    ("options", "text", "expected", "step"),
    [
        (
            {"fix_text": True},
            "The Mona Lisa doesnâ€™t have eyebrows.",
            "The Mona Lisa doesn't have eyebrows.",
            "text_fixed",
        ),
        ({"normalization": "NFC"}, "e\u0301 ﬁ", "é ﬁ", "normalized"),
        ({"normalization": "NFKC"}, "e\u0301 ﬁ", "é fi", "normalized"),
        ({"remove_controls": True}, "a\x00b\x07\tc\nd\ufeff\x9f", "ab\tc\nd", "controls_removed"),
        ({"remove_punctuation": True}, "Hi, you! 3+4=7", "Hi  you  3 4 7", "punctuation_removed"),
        ({"strip_html": True}, "a <b>bold</b> &amp; short", "a  bold  & short", "html_stripped"),
    ],
)
def test_steps_change_and_count(options: dict[str, Any], text: str, expected: str, step: str) -> None:
    found, counts = clean([text, "plain words"], **options)
    assert found == [expected, "plain words"]
    assert counts == {step: 1, "kept": 2}


def test_pages_become_their_main_text() -> None:
    body = "The cat is a domestic species of small carnivorous mammal, and it sleeps for most of the day."
    article = f"<article><h1>Cats</h1><p>{body}</p><p>{body[::-1]}</p></article>"
    html = f"<html><body><nav><a href='/'>Home</a></nav>{article}</body></html>"
    (found,), _ = clean([html], strip_html=True)
    assert body in found
    assert "<p>" not in found
    # Mathematics is no tag.
    assert clean(["if a < b and c > d"], strip_html=True) == (["if a < b and c > d"], {"kept": 1})


def test_lengths() -> None:
    found, counts = clean(["a", "ab", "abc", "abcd", "abcde"], min_characters=2, max_characters=4)
    assert found == ["ab", "abc", "abcd"]
    assert counts == {"too_short": 1, "too_long": 1, "kept": 3}
    assert clean(["...", "ok"], remove_punctuation=True)[1]["left_empty"] == 1
    with pytest.raises(UserError, match="max_characters: 3 is below"):
        Cleaning(min_characters=5, max_characters=3)


def test_languages() -> None:
    english = "This is a sentence about the weather in the north of England, which is often wet."
    german = "Dies ist ein Satz über das Wetter im Norden von Deutschland, das oft nass ist."
    spanish = "Esta es una frase sobre el tiempo en el norte de España, que a menudo es húmedo."
    found, counts = clean([english, german, spanish], languages=["en", "es"])
    assert found == [english, spanish]
    assert counts == {"other_language": 1, "kept": 2}
    with pytest.raises(UserError, match=r"cleaning.languages: 'english' cannot be detected; expected some of .*en"):
        Cleaning(languages=["english"])


def test_exact_duplicates_are_found_after_the_other_steps() -> None:
    found, counts = clean(["one\x07", "two", "one", "two "], duplicates="exact", remove_controls=True)
    assert found == ["one", "two", "two "]
    assert counts == {"controls_removed": 1, "duplicate": 1, "kept": 3}


def jaccard(a: str, b: str, size: int) -> float:
    grams = [{tuple(t.split()[i : i + size]) for i in range(len(t.split()) - size + 1)} for t in (a, b)]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


def test_near_duplicates_against_the_exact_similarity() -> None:
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(500)]
    originals = [" ".join(rng.choice(words, 200)) for _ in range(30)]
    near, far = [], []
    for text in originals:
        parts = text.split()
        near.append(" ".join([*parts[:190], *rng.choice(words, 10)]))
        far.append(" ".join([*parts[:80], *rng.choice(words, 120)]))
    assert min(jaccard(a, b, 3) for a, b in zip(originals, near, strict=True)) > 0.88
    assert max(jaccard(a, b, 3) for a, b in zip(originals, far, strict=True)) < 0.3
    found, counts = clean([*originals, *near, *far, originals[0]], duplicates="near", similarity=0.7, ngram=3)
    assert found == [*originals, *far]
    assert counts == {"kept": 60, "near_duplicate": 30, "duplicate": 1}


def test_near_duplicates_differ_in_case_and_punctuation_alone() -> None:
    texts = ["The quick brown fox jumps over the dog", "the quick, brown fox jumps over the dog!", "Short", "short."]
    assert clean(texts, duplicates="near")[0] == ["The quick brown fox jumps over the dog", "Short"]


def test_two_passes_do_not_know_of_each_other() -> None:
    cleaning = Cleaning(duplicates="near")
    assert list(cleaning.clean(["a text"])) == list(cleaning.clean(["a text"])) == ["a text"]
