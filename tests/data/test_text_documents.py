"""Documents as sentences: nothing is lost, order stays, code and addresses are untouched."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.text_documents import parts_of, read_document, translated
from interlace.errors import UserError

DOCUMENT = """---
title: stays
---
# A heading

One sentence. Another one! See https://example.org/a?b=c. Or write to me@example.org, now.

- an item with `code_here` inside
- [ ] a [link text](https://example.org/x(y)) and ![picture](img/a.png)
> quoted, *with stars*

```python
def stays(): return "one sentence."
```

    indented code stays

| head | cell |
|------|:----:|
| dog  | cat  |

[ref]: https://example.org/ref "title"
<b>bold</b> 12 + 3 = 15
"""


def shout(texts):
    return [text.upper() for text in texts]


def whole(text: str) -> bool:
    return True


def test_a_document_of_everything() -> None:
    made = translated(parts_of(DOCUMENT, markdown=True), shout, whole)
    expected = DOCUMENT.upper()
    for kept in (
        "title: stays", "https://example.org/a?b=c", "me@example.org", "`code_here`", "](https://example.org/x(y)",
        "](img/a.png)", 'def stays(): return "one sentence."', "    indented code stays", "python",
        '[ref]: https://example.org/ref "title"', "<b>", "</b>",
    ):  # fmt: skip
        expected = expected.replace(kept.upper(), kept)
    assert made == expected


def test_sentences_are_translated_one_by_one() -> None:
    seen: list[str] = []
    translated(parts_of("One. Two?\n\n3.5 Mr\n", markdown=False), lambda texts: seen.extend(texts) or texts, whole)
    assert seen == ["One.", "Two?", "3.5 Mr"]


@pytest.mark.parametrize("markdown", [True, False])
@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet="ab.! \n\t`~|-#>[]()<:/é中\r\u2028"))
def test_parts_joined_are_the_text(markdown, text) -> None:
    parts = parts_of(text, markdown=markdown)
    assert "".join(part.text for part in parts) == text
    assert translated(parts, lambda texts: texts, lambda piece: len(piece) < 4) == text
    assert all(part.text.strip() == part.text != "" for part in parts if part.translatable)


def test_no_word_is_cut_off_by_the_limit_of_a_model() -> None:
    asked: list[str] = []

    def kept(texts):
        asked.extend(texts)
        return texts

    text = "one two three four five six seven averyveryverylongword"
    assert translated(parts_of(text, markdown=False), kept, lambda piece: len(piece) <= 12) == text
    assert all(len(piece) <= 12 for piece in asked)
    assert "averyveryverylongword" not in asked


def test_files_that_are_no_text_are_told(tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"a\.txt"):
        read_document(path)


def test_a_line_that_would_take_long_is_refused_and_a_long_one_of_text_is_not() -> None:
    with pytest.raises(UserError, match="has 20001 characters; expected at most 10000: break it"):
        parts_of("a" * 20_001, markdown=True)
    assert "".join(part.text for part in parts_of("a.b" * 300_000, markdown=False)) == "a.b" * 300_000
