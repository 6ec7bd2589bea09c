"""Plain text as sentences: nothing is lost, addresses are untouched, and every sentence fits the model."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.documents import translate_file
from interlace.data.documents.markdown import markdown_parts
from interlace.data.documents.sentences import plain_parts, translate_sentences, translated
from interlace.data.remarks import collect_remarks
from interlace.errors import UserError


def whole(text: str) -> bool:
    return True


def asked_of(text: str, fits=whole) -> list[str]:
    seen: list[str] = []
    assert translated(plain_parts(text), lambda texts: seen.extend(texts) or texts, fits) == text
    return seen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two?\n\n3.5 Mr\n", ["One.", "Two?", "3.5 Mr"]),
        ("One.\r\nTwo", ["One.", "Two"]),
        ("这是一句话。第二句！“好。”然后", ["这是一句话。", "第二句！", "“好。”", "然后"]),
        ("a dog\na dog", ["a dog"]),
        ("12 + 3 = 15", []),
    ],
)
def test_sentences_are_translated_one_by_one(text, expected) -> None:
    assert asked_of(text) == expected


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/a?b=c&d=e#f", "https://en.wikipedia.org/wiki/X_(y)", "www.example.org", "me.too@a.org",
        "mailto:me@example.org", "git@github.com:org/repo.git", "ftp://a.b/c", "file:///home/a", "ssh://me@host:22/a",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["see {}.", "({})", "{}, then", "“{}”", "a {}"])
def test_addresses_stay(address, around) -> None:
    text = around.format(address)
    shouted = translated(plain_parts(text), lambda texts: [each.upper() for each in texts], whole)
    assert shouted == text.upper().replace(address.upper(), address)


@pytest.mark.parametrize("parts_of", [plain_parts, markdown_parts])
@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="ab.! \n\t`~|-#>[]()<:/@é中。\r\u2028$^\\*{&;=+1"))
def test_parts_joined_are_the_text(parts_of, text) -> None:
    parts = parts_of(text)
    assert "".join(part.text for part in parts) == text
    assert translated(parts, lambda texts: texts, lambda piece: len(piece) < 4) == text
    assert all(part.text.strip() == part.text != "" for part in parts if part.translatable)


def test_no_word_is_cut_off_by_the_limit_of_a_model() -> None:
    with collect_remarks() as remarks:
        asked = asked_of("one two three four five six seven averyveryverylongword", lambda piece: len(piece) <= 12)
    assert all(len(piece) <= 12 for piece in asked)
    assert "averyveryverylongword" not in asked
    assert list(remarks) == ["words that are too long for the model stay as they are, in sentences: 1"]


def test_text_without_spaces_is_cut_between_characters() -> None:
    asked = asked_of("这是一个很长很长的句子", lambda piece: len(piece) <= 4)
    assert "".join(asked) == "这是一个很长很长的句子"


def test_breaks_that_a_model_writes_become_spaces_and_nothing_is_told() -> None:
    with collect_remarks() as remarks:
        assert translate_sentences(["a", "b"], lambda texts: ["x\n\n- y ", ""], whole, "n") == ["x - y", "b"]
    assert remarks == {"sentences for which the model wrote nothing stay as they are: 1": ["n"]}


def test_files_that_are_no_text_are_told(tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"a\.txt"):
        translate_file(path, list, whole)


@pytest.mark.parametrize("text", ["a.b" * 300_000, "a+" * 50_000 + ":", "http://" + "(a)" * 20_000, "a@a." * 20_000])
def test_long_lines_take_little_time(text) -> None:
    begin = time.process_time()
    assert "".join(part.text for part in plain_parts(text)) == text
    assert time.process_time() - begin < 5
