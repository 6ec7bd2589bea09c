"""Documents of a folder as passages: text, Markdown, Word and the text of PDF, with headings and pages."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from interlace.configuration.documents import DOCUMENTS
from interlace.data.documents.markdown import LINE, MOST_CHARACTERS
from interlace.data.documents.pdf import paragraphs
from interlace.data.documents.word import MAIN
from interlace.data.documents.word_styles import STYLES, attribute
from interlace.data.passages.collection import Collection
from interlace.data.sentences import split_units
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import open_regular, read_text
from interlace.reading.office_open_xml import EXPECTED, Package
from interlace.reading.pdf import read_pdf

if TYPE_CHECKING:
    from lxml.etree import _Element

BREAKS = ("tab", "br", "cr")  # elements of a Word document that stand for white space


class Block(NamedTuple):
    """A paragraph, the heading above it ("" for none), and its page of a PDF."""

    text: str
    heading: str
    page: int | None = None


def read_folder(folder: Path, max_words: int, told: Callable[[UserError], None] | None = None) -> Collection:
    """Return the passages of the documents below a folder, in the order of their names, or of one document.

    Hidden files and folders are passed over, links to folders are not followed. An id is "PATH#NUMBER", a title the
    path below the folder with the heading or page. Documents that cannot be read raise UserError, or are given to
    `told` and left out. UserError where no document has text.
    """
    found = Collection([], [], [])
    files = [folder] if folder.is_file() else sorted(_documents(folder))
    root = folder.parent if folder.is_file() else folder
    for path in files:
        name = path.relative_to(root).as_posix()
        try:
            made = passages(read_blocks(path), max_words)
        except UserError as error:
            if told is None:
                raise UserError(f"{error}; or leave such files out with --on-error skip") from None
            told(error)
            continue
        for number, block in enumerate(made, 1):
            place = f", page {block.page}" if block.page is not None else f": {block.heading}" if block.heading else ""
            found.ids.append(f"{name}#{number}")
            found.titles.append(f"{name}{place}")
            found.texts.append(block.text)
    if not found.ids:
        kinds = ", ".join(DOCUMENTS)
        raise UserError(f"{folder}: {len(files)} documents with text in none; expected files that end in {kinds}")
    return found


def read_blocks(path: Path) -> list[Block]:
    """Return the paragraphs of a document, by the end of its name. Raises UserError for one that cannot be read."""
    try:
        open_regular(path).close()
        note(path)
        return READERS[path.suffix.lower()](path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None


def passages(blocks: Sequence[Block], max_words: int) -> list[Block]:
    """Return paragraphs merged to passages of at most `max_words` words, within one heading and page.

    A longer paragraph is split at sentences, a longer sentence at words.
    """
    found = []
    for (heading, page), group in groupby(blocks, key=lambda block: (block.heading, block.page)):
        held: list[str] = []
        count = 0
        for text in (part for block in group for part in _parts(block.text, max_words)):
            words = len(text.split())
            if held and count + words > max_words:
                found.append(Block("\n".join(held), heading, page))
                held, count = [], 0
            held.append(text)
            count += words
        if held:
            found.append(Block("\n".join(held), heading, page))
    return found


def _documents(folder: Path) -> Iterator[Path]:
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(directory, name)
            if path.suffix.lower() in DOCUMENTS and not name.startswith(".") and path.is_file():
                yield path


def _parts(text: str, max_words: int) -> Iterator[str]:
    """Yield a paragraph, or its sentences in groups of at most `max_words` words."""
    if len(text.split()) <= max_words:
        yield text
        return
    held: list[str] = []
    for sentence in split_units(text, "sentence"):
        words = sentence.split()
        if held and len(held) + len(words) > max_words:
            yield " ".join(held)
            held = []
        held += words
        while len(held) > max_words:
            yield " ".join(held[:max_words])
            held = held[max_words:]
    if held:
        yield " ".join(held)


def _plain_blocks(path: Path) -> list[Block]:
    """Return the paragraphs of a text, which blank lines part."""
    lines = [" ".join(line.split()) for line in read_text(path).splitlines()]
    return [Block(" ".join(group), "") for filled, group in groupby(lines, key=bool) if filled]


def _markdown_blocks(path: Path) -> list[Block]:
    """Return the paragraphs, cells and code of a Markdown document, without its marks."""
    from markdown_it import MarkdownIt

    text = read_text(path)
    longest = max(map(len, LINE.findall(text)), default=0)
    if longest > MOST_CHARACTERS:
        raise UserError(
            f"{path}: a line of it has {longest} characters; expected at most {MOST_CHARACTERS}: break it, or name the "
            "file .txt"
        )
    found: list[Block] = []
    cells: list[str] = []
    heading, opened = "", ""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        opened = token.type if token.type.endswith("_open") else opened
        if token.type == "inline" and opened == "heading_open":
            heading = _words_of(token)
        elif token.type == "inline" and opened in ("th_open", "td_open"):
            cells.append(_words_of(token))
        elif token.type == "tr_close":
            found.append(Block(" | ".join(cells), heading))
            cells = []
        elif token.type in ("inline", "fence", "code_block"):
            words = " ".join((_words_of(token) if token.type == "inline" else token.content).split())
            found += [Block(words, heading)] if words else []
    return found


def _words_of(token: Any) -> str:
    """Return the text of an inline token without marks; pictures have that of their description."""
    parts = []
    for child in token.children or ():
        parts.append(" " if child.type in ("softbreak", "hardbreak") else child.content)
    return " ".join("".join(parts).split())


def _word_blocks(path: Path) -> list[Block]:
    """Return the paragraphs of the body of a Word document, those of tables and text boxes included."""
    with Package(path) as package:
        mains = [name for name, kind in package.content_types.items() if MAIN.search(kind)]
        if len(mains) != 1:
            raise UserError(f"{path}: {len(mains)} of its parts are the main part of a Word document; {EXPECTED}")
        styles = [package.xml(name) for name, kind in package.content_types.items() if STYLES.search(kind)]
        headings = {
            attribute(style, "styleId") for root in styles for style in root.iter("{*}style") if _is_heading(style)
        }
        found: list[Block] = []
        heading = ""
        for paragraph in package.xml(mains[0]).iter("{*}p"):
            words = " ".join("".join(_texts(paragraph)).split())
            if any(attribute(style, "val") in headings for style in paragraph.iterfind("{*}pPr/{*}pStyle")):
                heading = words or heading
            elif words:
                found.append(Block(words, heading))
        return found


def _texts(paragraph: "_Element") -> Iterator[str]:
    """Yield the texts of a paragraph without those of paragraphs in it, which text boxes have."""
    for element in paragraph:
        if not isinstance(element.tag, str):
            continue
        name = element.tag.rpartition("}")[2]
        if name == "t":
            yield element.text or ""
        elif name in BREAKS:
            yield " "
        elif name not in ("p", "pPr", "rPr", "del", "moveFrom"):
            yield from _texts(element)


def _is_heading(style: "_Element") -> bool:
    names = (attribute(name, "val").lower() for name in style.iterfind("{*}name"))
    return any(name == "title" or name.startswith("heading ") for name in names)


def _pdf_blocks(path: Path) -> list[Block]:
    """Return the paragraphs of the pages of a PDF; UserError for one without any text."""
    found = [Block(text, "", number) for number, lines in enumerate(read_pdf(path), 1) for text in paragraphs(lines)]
    if not found:
        raise UserError(f"{path}: no text in its pages, which may be pictures (of scanned pages ocrmypdf makes text)")
    return found


READERS: dict[str, Callable[[Path], list[Block]]] = {
    ".txt": _plain_blocks, ".md": _markdown_blocks, ".docx": _word_blocks, ".pdf": _pdf_blocks,
}  # fmt: skip
