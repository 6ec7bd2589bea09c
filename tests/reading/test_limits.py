"""The limits: their names, how they are raised, and lines and texts as they are."""

import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlace.cli.generate import read_prompts
from interlace.errors import UserError
from interlace.reading.documents import read_json
from interlace.reading.files import NoRegularFile, open_regular, read_text
from interlace.reading.limits import Limits, exceeded, format_limit, limits
from interlace.reading.lines import numbered_lines


def test_a_refusal_names_the_limit_and_the_value_that_lifts_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("INTERLACE_LIMITS", "document_bytes=1k, json_depth=5")
    (tmp_path / "a.json").write_text(json.dumps(["x" * 2000]))
    with pytest.raises(UserError, match=r"a\.json: it has 2K, more than 1K \(the limit document_bytes; .*=2K\)"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("[" * 6 + "]" * 6)
    with pytest.raises(UserError, match=r"b\.json: it nests 6 deep, more than 5 .*INTERLACE_LIMITS=json_depth=10"):
        read_json(tmp_path / "b.json")
    monkeypatch.setenv("INTERLACE_LIMITS", "document_bytes=1M,json_depth=6")
    assert read_json(tmp_path / "a.json") == ["x" * 2000]
    assert read_json(tmp_path / "b.json") == [[[[[[]]]]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("line_byte=3", "'line_byte' is not a limit; expected one of text_bytes"),
        ("line_bytes=many", "expected a whole number above 0, such as 500 or 2G"),
        ("line_bytes=0", "expected a whole number above 0"),
        ("line_bytes=-1", "expected a whole number above 0"),
        ("line_bytes", "expected a whole number above 0"),
    ],
)
def test_what_is_no_limit_is_told(text: str, message: str, monkeypatch) -> None:
    monkeypatch.setenv("INTERLACE_LIMITS", text)
    with pytest.raises(UserError, match=message):
        limits()


@given(st.sampled_from(list(vars(Limits()))), st.integers(1, 2**50))
def test_the_value_that_is_advised_is_enough(name: str, value: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTERLACE_LIMITS", f"{name}={format_limit(name, value)}")
        assert getattr(limits(), name) >= value
        assert f"INTERLACE_LIMITS={name}=" in str(exceeded("a", "it has more", name))


LINE = st.text(st.characters(blacklist_characters="\n\r\ufeff", blacklist_categories=["Cs"]), max_size=12)


@given(st.lists(LINE.map(lambda text: "x" + text), max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_line_ends_at_a_line_feed_alone(lines: list[str], end: str, last: bool) -> None:
    """U+2028, U+0085, form feeds and the like stand inside lines."""
    content = end.join(lines).encode() + (end.encode() if last and lines else b"")
    found = list(numbered_lines(io.BytesIO(b"\xef\xbb\xbf" + content), "a"))
    assert found == [(number, line.encode()) for number, line in enumerate(lines, 1)]


def test_prompts_may_hold_any_separator(tmp_path: Path) -> None:
    texts = ["one\u2028still one", "two\x0cstill two", "three\u0085\x1c", ""]
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n")
    assert read_prompts(None, tmp_path / "a.txt") == texts
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"prompt": t}, ensure_ascii=False) + "\n" for t in texts))
    assert read_prompts(None, tmp_path / "a.jsonl") == texts


def test_other_encodings_are_told_with_the_conversion(tmp_path: Path) -> None:
    for encoding, name in (("utf-16", "UTF-16"), ("utf-16-le", "UTF-16-LE"), ("utf-32", "UTF-32")):
        (tmp_path / "a.txt").write_text("some words\n" * 3, encoding=encoding)
        with pytest.raises(UserError, match=f"the text is {name}, expected UTF-8; convert it: iconv -f {name}"):
            read_text(tmp_path / "a.txt")


def test_only_regular_files_are_opened_and_nothing_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a named pipe"), (tmp_path, "a folder"), (Path("/dev/zero"), "a device")):
        with pytest.raises(NoRegularFile) as caught:
            open_regular(path)
        assert caught.value.strerror == f"it is {kind}, expected a regular file"
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")
