"""Typing errors, and the index that finds words within a few edits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from interlace.assembly.components import constructor
from interlace.configuration.compose import compose_node
from interlace.data.corrupted_text import CorruptedText
from interlace.data.deletion_index import DeletionIndex
from interlace.data.typing_errors import TypingErrors, recased, uncased
from interlace.errors import UserError
from interlace.metrics.edits import WORD

WORD_LISTS = st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=30)
TEXT = "The quick Brown fox jumps over the LAZY dog, and nobody was looking (straße) at McDonalds."


@settings(max_examples=60)
@given(WORD_LISTS, st.text("abc", max_size=12), st.integers(1, 3))
def test_the_index_finds_what_a_search_of_all_words_finds(words: list[str], typed: str, most: int) -> None:
    wanted = [(word, OSA.distance(typed, word)) for word in dict.fromkeys(words)]
    assert DeletionIndex(words, most)(typed) == [pair for pair in wanted if pair[1] <= most]


@pytest.mark.parametrize("seed", range(5))
def test_each_error_is_one_edit_in_a_long_word(seed: int) -> None:
    errors = TypingErrors(rate=1.0, min_letters=4, letters="abcxyz", real_words=0.0)
    made = errors.corrupt(TEXT, np.random.default_rng(seed))
    assert WORD.sub("", made) == WORD.sub("", TEXT), "all but words stays"
    for wrong, right in zip(WORD.findall(made), WORD.findall(TEXT), strict=True):
        assert OSA.distance(uncased(wrong), uncased(right)) == (len(right) >= 4)
        assert wrong[0].isupper() == right[0].isupper()
    assert errors.corrupt(TEXT, np.random.default_rng(seed)) == made


def test_the_rate_is_that_of_words_that_are_long_enough() -> None:
    errors = TypingErrors(rate=0.15, min_letters=4, letters="abcdefgh", real_words=0.0)
    words = errors.corrupt("word " * 20000, np.random.default_rng(0)).split()
    assert np.mean([word != "word" for word in words]) == pytest.approx(0.15, abs=0.01)


def test_real_word_errors_are_words_of_the_texts() -> None:
    errors = TypingErrors(rate=1.0, min_letters=4, letters="ab", real_words=1.0)
    errors.learn(["house mouse horse", "lonely"])
    drawn = {errors.corrupt("House", np.random.default_rng(seed)) for seed in range(20)}
    assert drawn == {"Mouse", "Horse"}
    assert errors.corrupt("lonely", np.random.default_rng(0)) != "lonely", "no word is near: any edit"


@pytest.mark.parametrize(
    ("word", "pattern", "wanted"),
    [("cat", "Dog", "Cat"), ("cat", "DOG", "CAT"), ("cat", "dog", "cat"), ("cat", "I", "Cat"), ("", "Dog", "")],
)
def test_capitals_of_a_pattern(word: str, pattern: str, wanted: str) -> None:
    assert recased(word, pattern) == wanted


@pytest.fixture
def folder(tmp_path):
    for split, number in (("train", 40), ("val", 10), ("test", 10)):
        lines = (f"{split} sentence number {i} follows another sentence\n" for i in range(number))
        (tmp_path / f"{split}.en").write_text("".join(lines))
    return tmp_path


def make(folder, **options):
    data = constructor({**compose_node("data", "corrupted_text"), "name": None, "path": str(folder), **options})()
    data.prepare()
    return data


def test_pairs_depend_on_the_seed_and_the_row_alone(folder) -> None:
    first, second = make(folder), make(folder, train_fraction=0.5)
    known = dict(zip(first.splits["train"].pairs.targets, first.splits["train"].sources, strict=True))
    part = second.splits["train"].pairs
    assert len(part) == 20
    assert all(known[target] == source for source, target in zip(part.sources, part.targets, strict=True))
    other = make(folder, seed=1)
    assert other.splits["test"].sources != first.splits["test"].sources != first.splits["test"].targets
    assert other.fingerprint != first.fingerprint
    assert make(folder, rate=0.0).splits["test"].sources == first.splits["test"].targets
    again = CorruptedText.from_state(first.state())
    assert again.state() == first.state()


def test_bad_options_are_told(folder) -> None:
    with pytest.raises(UserError, match=r"data\.letters: got 'a'; expected two"):
        make(folder, letters="a")
    with pytest.raises(UserError, match=r"train\.de"):
        make(folder, language="de")
