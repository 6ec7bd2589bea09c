"""Markdown as sentences: nothing is lost, order stays, code, addresses and marks are untouched."""

import time

import pytest

from interlace.data.documents.markdown import markdown_parts
from interlace.data.documents.sentences import translated
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

1. an item
    - a nested item, and [ref], [its text][ref] and [another][]
      - deeper, in indented lines

    ~~~
    code = "in an item"
    ~~~

Code `over
lines` and ``a ` b``, a lonely ` mark, a formula $x_i = 3$, $5 or $6, &nbsp; and \\[brackets\\].

![alt](img/b.png "its title") [link](<img/c d.png> 'its title') [![alt](e.png)](f.md) [g](h i.png)

A footnote[^mine]. git@github.com:org/repo.git or https://en.wikipedia.org/wiki/X_(y).

[^mine]: The text of the footnote.

A title {#its-anchor}
=======

<div class="of html"
  data-x="over lines">
text within it
</div>

<!-- a comment
over lines -->

<script>
var code;
</script>

| a \\| b | `c|d` |
|---|---|
| one | two |

<b>bold</b> 12 + 3 = 15
"""


def shout(texts):
    return [text.upper() for text in texts]


def whole(text: str) -> bool:
    return True


def test_a_document_of_everything() -> None:
    made = translated(markdown_parts(DOCUMENT), shout, whole)
    expected = DOCUMENT.upper()
    for kept in (
        "title: stays", "https://example.org/a?b=c", "me@example.org", "`code_here`", "](https://example.org/x(y)",
        "](img/a.png)", 'def stays(): return "one sentence."', "    indented code stays", "python",
        '[ref]: https://example.org/ref "title"', "<b>", "</b>", "[ref]",
        '    ~~~\n    code = "in an item"', "`over\nlines`", "``a ` b``", "$x_i = 3$", "&nbsp;",
        '](img/b.png "its title")', "](<img/c d.png> 'its title')", "](e.png)](f.md)",
        "](h i.png)", "[^mine]", "git@github.com:org/repo.git", "https://en.wikipedia.org/wiki/X_(y)", "{#its-anchor}",
        '<div class="of html"\n  data-x="over lines">', "</div>", "<!-- a comment\nover lines -->",
        "<script>\nvar code;\n</script>", "`c|d`",
    ):  # fmt: skip
        expected = expected.replace(kept.upper(), kept)
    assert made == expected


@pytest.mark.parametrize(
    "text",
    ["---\na: dog\n---\n", "---\na: dog\n...\n", "+++\na = 'dog'\n+++\n", "---\r\na: dog\r\n---\r\n"],
)
def test_front_matter_stays(text) -> None:
    assert translated(markdown_parts(text + "a cat"), shout, whole) == text + "A CAT"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines_stay(end) -> None:
    text = end.join(["# dog", "", "- one", "    - two", "", "```", "code", "```", "cat", ""])
    expected = end.join(["# DOG", "", "- ONE", "    - TWO", "", "```", "code", "```", "CAT", ""])
    assert translated(markdown_parts(text), shout, whole) == expected


def test_cells_of_a_table_are_translated_one_by_one() -> None:
    asked: list[str] = []
    translated(markdown_parts("| a dog | `x` b |\n|---|---|\n| c\\|d | e |\n"), lambda t: asked.extend(t) or t, whole)
    assert asked == ["a dog", "b", "c\\|d", "e"]


def test_a_line_that_would_take_long_is_refused() -> None:
    with pytest.raises(UserError, match="has 20001 characters; expected at most 10000: break it"):
        markdown_parts("a" * 20_001)


@pytest.mark.parametrize(
    "mark", ["](", "[", "`", "<a", "$a_", "[a]", "<!--", "> ", "- ", "&a", "| ", "a.b", "://a", "@a."]
)
def test_repeated_marks_take_little_time(mark) -> None:
    text = "\n".join([mark * (9_000 // len(mark))] * 3)
    begin = time.process_time()
    assert "".join(part.text for part in markdown_parts(text)) == text
    assert time.process_time() - begin < 5
