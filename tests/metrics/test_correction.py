"""Edits, F0.5, right words and error rates of corrections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.text import char_error_rate, word_error_rate

from interlace.metrics.correction import Counts, count, measures
from interlace.metrics.edits import Edit, aligned, edits, tokens

WORDS = st.lists(st.sampled_from(["a", "dog", "dig", "runs", "to", "the", "sea"]), min_size=1, max_size=8)


def test_tokens_are_letters_digits_and_marks() -> None:
    assert tokens("Two dogs, 12 cats—grüße_x") == ["Two", "dogs", ",", "12", "cats", "—", "grüße", "_", "x"]


def test_edits_by_hand() -> None:
    assert edits(["a", "cta", "in", "the", "hat"], ["a", "cat", "in", "hat"]) == [Edit(1, 2, ("cat",)), Edit(3, 4, ())]
    assert edits(["teh", "dgo"], ["the", "dog"]) == [Edit(0, 1, ("the",)), Edit(1, 2, ("dog",))]
    assert edits(["the", "out", "side", "here"], ["the", "outside", "here"]) == [Edit(1, 3, ("outside",))]
    assert edits(["a"], ["so", "a"]) == [Edit(0, 0, ("so",))]
    assert aligned(["teh", "out", "side"], ["the", "outside", "now"]) == ["teh", "out", "side"]
    assert aligned(["the", "out", "side", "now"], ["the", "outside", "now"]) == ["the", None, "now"]


@given(WORDS, WORDS)
def test_edits_make_the_target_of_the_source(source: list[str], target: list[str]) -> None:
    made = list(source)
    for edit in reversed(edits(source, target)):
        assert tuple(source[edit.start : edit.end]) != edit.words
        made[edit.start : edit.end] = edit.words
    assert made == target
    assert len(aligned(source, target)) == len(target)


def test_measures_by_hand() -> None:
    # Wrong: teh, gogs (no words), form (a word; wanted: from). The correction mends teh and spoils house.
    counts = count("teh gogs run form a house", "the gogs run form a horse", ["the dogs run from a house"],
                   {"the", "dogs", "run", "from", "form", "a", "house"})  # fmt: skip
    assert (counts.proposed, counts.wanted, counts.found) == (2, 3, 1)
    assert (counts.real, counts.real_mended, counts.nonword, counts.nonword_mended) == (1, 0, 2, 1)
    assert (counts.sound, counts.damaged, counts.right, counts.long) == (3, 1, 3, 6)
    found = measures(counts)
    # P = 1/2, R = 1/3: 1.25 * (1/6) / (1/8 + 1/3) = 5/11
    assert found["edit_f05"] == pytest.approx(5 / 11)
    assert found["word_accuracy"] == pytest.approx(1 / 2)
    assert found["nonword_recall"] == pytest.approx(1 / 2)
    assert found["real_word_recall"] == 0
    assert found["damaged_words"] == pytest.approx(1 / 3)
    longer = count("teh gogs run form a house", "the gogs run form a horse", ["the dogs run from a house"], (),
                   min_letters=4)  # fmt: skip
    assert (longer.long, longer.right) == (3, 0)


def test_a_copy_and_a_perfect_correction() -> None:
    copy = measures(count("teh cat", "teh cat", ["the cat"], ()))
    assert (copy["edit_precision"], copy["edit_recall"], copy["edit_f05"]) == (1, 0, 0)
    right = measures(count("teh cat", "the cat", ["a cat", "the cat"], ()))
    assert right["edit_f05"] == right["word_accuracy"] == 1
    assert right["wer"] == right["cer"] == 0
    assert "real_word_recall" not in right, "there was no such error"
    assert measures(count("fine", "fine", ["fine"], ()))["edit_f05"] == 1


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4))
def test_error_rates_are_those_of_torchmetrics(pairs: list[tuple[list[str], list[str]]]) -> None:
    texts, references = ([" ".join(each[side]) for each in pairs] for side in (0, 1))
    counts = (count(text, text, [reference], ()) for text, reference in zip(texts, references, strict=True))
    found = measures(sum(counts, Counts()))
    assert found["wer"] == pytest.approx(float(word_error_rate(texts, references)))
    assert found["cer"] == pytest.approx(float(char_error_rate(texts, references)))
