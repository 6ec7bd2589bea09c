"""Word documents (.docx, WordprocessingML of ECMA-376 Part 1) translated in place.

Translated are the paragraphs of the body with its tables and text boxes, of headers, footers, footnotes, endnotes and
comments. Only the texts of runs change: every element, style, relationship and other part stays, in its order.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from interlace.data.documents.sentences import Fits, Translate, plain_parts, translate_sentences
from interlace.data.documents.word_styles import CodeStyles, format_of
from interlace.data.remarks import remark
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.office_open_xml import EXPECTED, Package

if TYPE_CHECKING:
    from lxml.etree import _Element

NAMESPACES = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",  # the strict form
)
MAIN = re.compile(r"(?:wordprocessingml\.(?:document|template)|word\.\w+\.macroEnabled\w*)\.main\+xml$")
TRANSLATED = re.compile(r"wordprocessingml\.(?:header|footer|footnotes|endnotes|comments)\+xml$")
# Parts with words in them that are left as they are, by their names.
LEFT = {"charts": "/charts/chart", "diagrams": "/diagrams/data", "embedded documents": "/embeddings/"}
# Elements within which the text goes on.
THROUGH = ("r", "ins", "moveTo", "smartTag", "customXml", "bdo", "dir")
# Elements with text of their own, translated apart from what is around them.
APART = ("hyperlink", "fldSimple", "sdt", "sdtContent")
# Elements without a place in the text, or whose place moves behind the sentence that they stand in.
ANCHORS = (
    "pPr", "rPr", "sdtPr", "sdtEndPr", "smartTagPr", "customXmlPr", "proofErr", "lastRenderedPageBreak", "softHyphen",
    "bookmarkStart", "bookmarkEnd", "commentRangeStart", "commentRangeEnd", "commentReference", "annotationRef",
    "permStart", "permEnd", "del", "moveFrom", "moveFromRangeStart", "moveFromRangeEnd", "moveToRangeStart",
    "moveToRangeEnd", "footnoteReference", "endnoteReference",
)  # fmt: skip
NOTES = ("footnoteReference", "endnoteReference")
SPACE = "{http://www.w3.org/XML/1998/namespace}space"
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
HYPHEN = "\u2011"  # of w:noBreakHyphen


class Piece(NamedTuple):
    """A text element of a run, with the key of its format and the number of marks of notes before it."""

    element: "_Element"
    text: str
    format: object
    notes: int


class Sentence(NamedTuple):
    """A sentence of a segment, from `start` to before `stop`."""

    text: str
    start: int
    stop: int


class Segment(NamedTuple):
    """Text of a paragraph in which nothing has a place of its own, over one or more runs."""

    pieces: list[Piece]
    sentences: list[Sentence]


def translate_word(path: Path, translate: Translate, fits: Fits) -> bytes:
    """Return a .docx document with its sentences translated, all in one call of `translate`.

    Kept as they are: addresses, parts without any letter, and code, which a style of that name or a monospaced font
    marks. Raises the errors of `reading.office_open_xml.Package`, and UserError for a document without any text.
    """
    note(path)
    with Package(path) as package:
        mains = [name for name, kind in package.content_types.items() if MAIN.search(kind)]
        if len(mains) != 1:
            raise UserError(f"{path}: {len(mains)} of its parts are the main part of a Word document; {EXPECTED}")
        names = [*mains, *(name for name, kind in package.content_types.items() if TRANSLATED.search(kind))]
        roots = {name: package.xml(name) for name in names}
        code = CodeStyles.read(package)
        segments = [segment for name in names for segment in _segments(roots[name], code, f"{path}: {name}")]
        if not any(piece.text.strip() for segment in segments for piece in segment.pieces) and not code.found:
            raise UserError(f"{path}: it has no text to translate; what can be read in it may be pictures")
        sentences = [sentence.text for segment in segments for sentence in segment.sentences]
        written = iter(translate_sentences(sentences, translate, fits, path.name))
        mixed = sum(_rewrite(segment, [next(written) for _ in segment.sentences]) for segment in segments)
        _tell(path.name, package, roots, code, mixed)
        made = io.BytesIO()
        package.write(made, roots)
        return made.getvalue()


def _segments(root: "_Element", code: CodeStyles, where: str) -> Iterator[Segment]:
    """Return the segments of all paragraphs of a part, those in text boxes included, in the order of the part."""
    space = root.tag[1:].partition("}")[0] if isinstance(root.tag, str) else ""
    if space not in NAMESPACES:
        raise UserError(f"{where}: its root is {str(root.tag)[:80]!r}; {EXPECTED}")
    for paragraph in root.iter(f"{{{space}}}p"):
        pieces: list[Piece] = []
        for piece in [*_pieces(paragraph, f"{{{space}}}", code), None]:
            if piece is not None:
                pieces.append(piece)
            elif pieces:
                yield Segment(pieces, _sentences(pieces))
                pieces = []


def _sentences(pieces: Sequence[Piece]) -> list[Sentence]:
    found, at = [], 0
    for part in plain_parts("".join(piece.text for piece in pieces)):
        if part.translatable:
            found.append(Sentence(part.text, at, at + len(part.text)))
        at += len(part.text)
    return found


def _pieces(paragraph: "_Element", space: str, code: CodeStyles) -> Iterator[Piece | None]:
    """Return the pieces of text of a paragraph, and None wherever something has a place of its own."""
    in_code = code.is_code_paragraph(paragraph)
    notes = 0
    for element, ends in _inline(paragraph, space):
        name = element.tag.removeprefix(space) if isinstance(element.tag, str) else ""
        if name in APART:
            yield None
        elif name in NOTES:
            notes += 1
        elif ends or name in THROUGH or name in ANCHORS or not name or _floats(element):
            continue
        elif name not in ("t", "noBreakHyphen"):
            yield None
        elif in_code or code.is_code_run(element.getparent()):
            code.found += bool(element.text and element.text.strip())
            yield None
        else:
            text = HYPHEN if name == "noBreakHyphen" else element.text or ""
            yield Piece(element, text, format_of(element.getparent(), space), notes)


def _inline(element: "_Element", space: str) -> Iterator[tuple["_Element", bool]]:
    """Return the elements within a paragraph, each at its start; those with text of their own also at their end."""
    for child in element:
        name = child.tag.removeprefix(space) if isinstance(child.tag, str) else ""
        yield child, False
        if name in THROUGH or name in APART:
            yield from _inline(child, space)
            if name in APART:
                yield child, True


def _floats(element: "_Element") -> bool:
    """Tell whether an element is a drawing that stands beside the text."""
    name = str(element.tag).rpartition("}")[2]
    return (name == "drawing" and element.find("{*}anchor") is not None) or (
        name == "AlternateContent" and element.find("{*}Choice/{*}drawing/{*}anchor") is not None
    )


def _rewrite(segment: Segment, translations: Sequence[str]) -> int:
    """Write the translations of the sentences of a segment into its elements; return how many had several formats.

    A sentence over several runs goes into one of them: the first of the format that most of its characters have, of
    those before the first mark of a note within it. The others keep what is outside of the sentence.
    """
    starts = [0]
    for piece in segment.pieces:
        starts.append(starts[-1] + len(piece.text))
    made = [""] * len(segment.pieces)
    at = first = mixed = 0

    def keep(stop: int) -> None:
        nonlocal at, first
        while at < stop:
            end = min(stop, starts[first + 1])
            made[first] += segment.pieces[first].text[at - starts[first] : end - starts[first]]
            at = end
            if at == starts[first + 1] and first + 1 < len(segment.pieces):
                first += 1

    for sentence, translation in zip(segment.sentences, translations, strict=True):
        keep(sentence.start)
        if translation == sentence.text:
            keep(sentence.stop)
            continue
        lengths = _lengths(segment, starts, sentence, first)
        target, formats = _target(segment, lengths)
        mixed += formats > 1
        made[target] += NO_XML.sub("\ufffd", translation)
        at = sentence.stop
        while first + 1 < len(segment.pieces) and starts[first + 1] <= at:
            first += 1
    keep(starts[-1])
    for piece, text in zip(segment.pieces, made, strict=True):
        if text != piece.text:
            _set_text(piece.element, text)
    return mixed


def _lengths(segment: Segment, starts: Sequence[int], sentence: Sentence, first: int) -> dict[int, int]:
    """Return the number of characters of a sentence in each piece that has any."""
    found = {}
    for number in range(first, len(segment.pieces)):
        if starts[number] >= sentence.stop:
            break
        length = min(sentence.stop, starts[number + 1]) - max(sentence.start, starts[number])
        if length > 0:
            found[number] = length
    return found


def _target(segment: Segment, lengths: Mapping[int, int]) -> tuple[int, int]:
    """Return the piece that a sentence goes into, and the number of different formats that it had."""
    notes = segment.pieces[min(lengths)].notes
    formats = Counter[object]()
    for number, length in lengths.items():
        formats[segment.pieces[number].format] += length
    before = [number for number in lengths if segment.pieces[number].notes == notes]
    best = max(before, key=lambda number: formats[segment.pieces[number].format])
    return best, len(formats)


def _set_text(element: "_Element", text: str) -> None:
    """Set the text of a run's element; a hyphen that does not break becomes text."""
    if not str(element.tag).endswith("}t"):
        element.tag = str(element.tag).replace("}noBreakHyphen", "}t")
    element.text = text
    if text != text.strip():
        element.set(SPACE, "preserve")


def _tell(name: str, package: Package, roots: Mapping[str, "_Element"], code: CodeStyles, mixed: int) -> None:
    """Add remarks about what is left as it is, and about formats that are lost."""
    if mixed:
        remark(f"sentences of several formats, which have that of most of their characters throughout: {mixed}", name)
    if code.found:
        remark(f"texts in a style or font of code stay as they are: {code.found}", name)
    for what, start in LEFT.items():
        if count := sum(start in part for part in package.content_types):
            remark(f"{what} stay as they are: {count}", name)
    tags = Counter(
        element.tag.rpartition("}")[2] for root in roots.values() for element in root.iter("{*}delText", "{*}altChunk")
    )
    if tags["delText"]:
        remark(f"texts of tracked deletions stay as they are: {tags['delText']}", name)
    if tags["altChunk"]:
        remark(f"documents put in as a whole stay as they are: {tags['altChunk']}", name)
    if any(part.startswith("_xmlsignatures/") for part in package.content_types):
        remark("its digital signature is no longer valid", name)
