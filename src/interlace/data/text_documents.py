"""Plain text and Markdown documents as sentences to translate, with everything else kept as it is."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import read_text

SUFFIXES = (".txt", ".md")
MOST_MARKDOWN = 10_000  # characters of a line: the time of its inline marks grows with the square
SENTENCE_END = re.compile(r"(?<=[.!?。！？…])[\"'”’»)\]]*\s+")
# Left as they are, wherever they stand: addresses, e-mail addresses, code and HTML in Markdown.
ADDRESS = r"(?:https?|ftp)://[^\s<>\"']*[^\s<>\"'.,;:!?)\]]|www\.[^\s<>\"']*[^\s<>\"'.,;:!?)\]]|(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]*\w"
INLINE = r"(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)|\]\([^)\s]*\)|!?\[(?=[^\]]*\]\()|</?[a-zA-Z!][^<>]*>"
KEPT = {False: re.compile(ADDRESS), True: re.compile(f"{INLINE}|{ADDRESS}")}
FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
# The marks at the start of a line of Markdown: quotes, items of lists and of tasks, headings.
MARKS = re.compile(r"\s*(?:>\s?)*(?:(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?)?(?:#{1,6}\s+)?")
VERBATIM = re.compile(r"(?: {4}|\t)|\s*[-:|=*_ ]+$|\s*\[[^\]]+\]:\s")  # indented code, rules, link definitions


class Part(NamedTuple):
    """A part of a document: `text` is translated if `translatable`, and is kept as it is otherwise."""

    text: str
    translatable: bool


def read_document(path: Path) -> list[Part]:
    """Return the parts of a .txt or .md file; joined they are its text. The file is read within `text_bytes`."""
    note(path)
    return parts_of(read_text(path), markdown=path.suffix.lower() == ".md")


def parts_of(text: str, *, markdown: bool) -> list[Part]:
    """Return the sentences of a text and what stands between them; joined they are the text.

    Sentences end at punctuation or at the end of a line. Kept as they are: white space, addresses, parts without any
    letter and, in Markdown, code, HTML, targets of links, table rules, front matter and the marks of headings, lists,
    quotes and tables.
    """
    found: list[Part] = []
    fence: str | None = None
    lines = text.splitlines(keepends=True)
    front = markdown and bool(lines) and lines[0].rstrip() == "---" and "---" in (line.rstrip() for line in lines[1:])
    longest = max(map(len, lines), default=0)
    if markdown and longest > MOST_MARKDOWN:
        raise UserError(
            f"a line of the Markdown document has {longest} characters; expected at most {MOST_MARKDOWN}: break it, "
            "or name the file .txt"
        )
    for number, line in enumerate(lines):
        if front:
            found.append(Part(line, False))
            front = number == 0 or line.rstrip() != "---"
            continue
        opened = FENCE.match(line) if markdown else None
        if fence is not None or opened is not None:
            found.append(Part(line, False))
            if fence is None and opened is not None:
                fence = opened[1]
            elif opened is not None and fence is not None and opened[1].startswith(fence):
                fence = None
        elif markdown and VERBATIM.match(line):
            found.append(Part(line, False))
        else:
            found += _line(line, markdown=markdown)
    return found


def translated(parts: Sequence[Part], translate: Callable[[list[str]], list[str]], fits: Callable[[str], bool]) -> str:
    """Return a document with its translatable parts translated, all in one call of `translate`.

    A part that does not fit the model is cut between words into pieces that do; a single word that does not is kept.
    """
    pieces: list[Part] = []
    for part in parts:
        pieces += _fitting(part, fits) if part.translatable else [part]
    written = iter(translate([piece.text for piece in pieces if piece.translatable]))
    return "".join(next(written) if piece.translatable else piece.text for piece in pieces)


def _line(line: str, *, markdown: bool) -> Iterator[Part]:
    """Return the parts of a line outside code blocks."""
    start = 0
    if markdown and (marks := MARKS.match(line)):
        start = marks.end()
        yield Part(line[:start], False)
    for kept in KEPT[markdown].finditer(line, start):
        yield from _sentences(line[start : kept.start()], markdown=markdown)
        yield Part(kept[0], False)
        start = kept.end()
    yield from _sentences(line[start:], markdown=markdown)


def _sentences(text: str, *, markdown: bool) -> Iterator[Part]:
    """Return the sentences of a piece of a line, and the white space and cell borders between them."""
    for cell in re.split(r"(\|)", text) if markdown else [text]:
        start = 0
        for end in [*(match.end() for match in SENTENCE_END.finditer(cell)), len(cell)]:
            sentence = cell[start:end]
            bare = sentence.strip()
            before = len(sentence) - len(sentence.lstrip())
            yield Part(sentence[:before], False)
            yield Part(bare, any(character.isalpha() for character in bare))
            yield Part(sentence[before + len(bare) :], False)
            start = end


def _fitting(part: Part, fits: Callable[[str], bool]) -> list[Part]:
    """Return a part as pieces that fit, halved at spaces; a word that does not fit is kept."""
    if fits(part.text):
        return [part]
    spaces = [match.span() for match in re.finditer(r"\s+", part.text)]
    if not spaces:
        return [Part(part.text, False)]
    start, end = min(spaces, key=lambda span: abs(span[0] - len(part.text) // 2))
    before, after = Part(part.text[:start], True), Part(part.text[end:], True)
    return [*_fitting(before, fits), Part(part.text[start:end], False), *_fitting(after, fits)]
