"""The text of a PDF as Markdown, with its sentences translated.

A PDF has lines at places on pages and no paragraphs, which are put together again from the sizes, distances and lengths
of lines. Layout, pictures, fonts, tables and links do not come along.
"""

import itertools
import re
import statistics
from collections.abc import Sequence
from pathlib import Path

from interlace.data.documents.sentences import PLAIN, Fits, Part, Translate, plain_parts, translate_sentences
from interlace.data.remarks import remark
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.pdf import Line, read_pdf

FULL = 0.6  # characters of a line that goes on, as a share of the longest of its size on the page
FAR = 1.2  # distance of paragraphs, in distances of lines
SPACED = 2.5  # sizes of the font that lines may be apart: double spacing is about 2.3
INDENT = 4  # sizes of the font that the first line of a paragraph may begin further right than the next
HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad]$")
MARK = re.compile(r"(?:[•◦▪‣·–—*+-]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")  # of an item of a list
# What Markdown would read as a mark: at the start of a paragraph, and anywhere.
STARTS = re.compile(r"\d{1,9}(?=[.)](?:\s|$))|(?=[#+=~|>-])")
MARKS = re.compile(r"(?=[\\`*\[\]<])|(?<!\w)(?=_)|(?=_(?!\w))|(?=&\#?\w+;)")


def translate_pdf(path: Path, translate: Translate, fits: Fits) -> str:
    """Return the text of a PDF translated, as Markdown: a paragraph each, and a comment where a page begins.

    Raises the errors of `reading.pdf.read_pdf`, and UserError for a PDF without any text.
    """
    note(path)
    pages = [paragraphs(lines) for lines in read_pdf(path)]
    if not any(pages):
        found = f"no text in its {len(pages)} pages, which may be pictures" if pages else "it has no pages"
        raise UserError(f"{path}: {found}; expected a PDF with text (of scanned pages ocrmypdf makes one)")
    parts = [[plain_parts(paragraph) for paragraph in page] for page in pages]
    asked = [part.text for page in parts for paragraph in page for part in paragraph if part.translatable]
    written = iter(translate_sentences(asked, translate, fits, path.name))
    made = []
    for number, page in enumerate(parts, 1):
        made.append(f"<!-- page {number} -->\n")
        for paragraph in page:
            made.append(_markdown([Part(next(written), True) if part.translatable else part for part in paragraph]))
    _tell(path.name, pages)
    return "\n".join(made)


def paragraphs(lines: Sequence[Line]) -> list[str]:
    """Return the paragraphs of a page, each in one line.

    A line goes on in the next if both have the same size and left edge, the next is as far below as the lines of the
    page mostly are, and the line is nearly as long as the longest. A hyphen at the end of such a line is left out
    before a small letter.
    """
    longest: dict[float, int] = {}
    for line in lines:
        longest[line.size] = max(longest.get(line.size, 0), len(line.text))
    steps = [
        before.height - after.height
        for before, after in itertools.pairwise(lines)
        if before.size == after.size and before.height > after.height
    ]
    step = statistics.median_low(steps) if steps else 0.0
    found: list[str] = []
    previous: Line | None = None
    for line in lines:
        text = " ".join(line.text.split())
        if previous is not None and _goes_on(previous, line, step, longest[line.size]):
            joined = HYPHEN.search(found[-1]) is not None and text[:1].islower()
            found[-1] = found[-1][:-1] + text if joined else f"{found[-1]} {text}"
        else:
            found.append(text)
        previous = line
    return found


def _goes_on(line: Line, after: Line, step: float, longest: int) -> bool:
    """Tell whether a paragraph goes on from one line to the next."""
    down = line.height - after.height
    return (
        line.size == after.size
        and 0 < down <= min(FAR * step, SPACED * line.size)
        and -INDENT * line.size <= after.x - line.x <= line.size
        and len(line.text) >= FULL * longest
        and MARK.match(after.text.lstrip()) is None
    )


def _markdown(paragraph: Sequence[Part]) -> str:
    """Return a paragraph of Markdown that shows the text; addresses are as they are."""
    text = "".join(part.text if PLAIN.fullmatch(part.text) else MARKS.sub(r"\\", part.text) for part in paragraph)
    start = STARTS.match(text)
    return f"{text}\n" if start is None else f"{text[: start.end()]}\\{text[start.end() :]}\n"


def _tell(name: str, pages: Sequence[Sequence[str]]) -> None:
    remark("the text of a PDF is written as Markdown; layout, tables, pictures and links do not come along", name)
    if empty := [str(number) for number, page in enumerate(pages, 1) if not page]:
        shown = ", ".join(empty[:10]) + (" and more" if len(empty) > 10 else "")
        remark(f"pages without text, which may be pictures, have nothing in the translation: {shown}", name)
