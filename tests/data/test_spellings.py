"""Spellings that surely mean one name are one; those that may are told."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlace.data.spellings import Spellings, canonical, parse_number, similar_names

words = st.text(min_size=1).filter(lambda text: text.strip() and text.isprintable() and parse_number(text) is None)


@given(words, st.sampled_from(["", " ", "\t", "\u00a0", "\r\n"]), st.sampled_from(["NFC", "NFD"]))
def test_unicode_forms_and_outer_space_are_no_difference(word: str, space: str, form: str) -> None:
    spelled = space + unicodedata.normalize(form, word) + space
    assert canonical(spelled) == canonical(word)
    assert canonical(canonical(word)) == canonical(word)


@given(st.integers(-(10**15), 10**15) | st.floats(-1e30, 1e30))
def test_equal_numbers_are_one_name_however_they_are_written(number: float) -> None:
    written = json.dumps(number)
    assert canonical(written) == canonical(number) or ("e" in written and "." not in written and "-" not in written)
    if number == int(number) and abs(number) < 2**53:
        assert canonical(float(number)) == canonical(int(number)) == str(int(number))
        assert canonical(f" {int(number)}.00 ") == str(int(number))
    assert float(canonical(number)) == number


@pytest.mark.parametrize("name", ["007", "1e5", "12E3", "1_000", "0x1", "nan", "inf", "-", ".", "1.2.3", "1,5", "１"])
def test_names_that_resemble_numbers_are_names(name: str) -> None:
    assert canonical(name) == name
    assert parse_number(name) is None


def test_truth_values_and_numbers_are_apart() -> None:
    assert [canonical(value) for value in (True, "true", 1, "1")] == ["true", "true", "1", "1"]


def test_what_was_joined_and_what_may_be_one_is_told_with_counts() -> None:
    spellings = Spellings()
    for value in [1, 1.0, "1", "1", "cafe\u0301", "caf\u00e9 ", "Yes", "yes", "a-b", "a\u2013b", "plain", None, ["x"]]:
        spellings.add(value)
    told = spellings.notes("label")
    assert told[0] == "label '1' is spelled in 3 ways, taken as one: \"1\" (2), 1 (1), 1.0 (1)"
    assert told[1].startswith("label 'caf\u00e9' is spelled in 2 ways, taken as one")
    assert "cafe\\u0301" in told[1]
    assert told[2:] == [
        'label "Yes" (1) and "yes" (1) may be spellings of one; if they are, write them alike',
        'label "a-b" (1) and "a\\u2013b" (1) may be spellings of one; if they are, write them alike',
    ]
    assert "plain" not in "".join(told)


@pytest.mark.parametrize(
    "names",
    [("Red", "red"), ("it's", "it\u2019s"), ("a b", "a  b"), ("a\u200bb", "ab"), ("\uff21", "A"), ("01", "1")],
)  # fmt: skip
def test_names_that_look_alike_are_told(names: tuple[str, str]) -> None:
    assert similar_names(names) == [sorted(names)]


def test_other_names_are_not() -> None:
    assert similar_names(["red", "reed", "read", "1", "11", "-1", "a b", "ab"]) == []
