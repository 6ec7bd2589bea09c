"""Markdown (CommonMark with tables) as sentences to translate, with its marks, code and targets of links kept."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from interlace.data.documents.sentences import ADDRESS, Part, sentences
from interlace.errors import UserError

MOST_CHARACTERS = 10_000  # of a line: the time of its inline marks grows with the square
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # the ends of lines of CommonMark
# The marks at the start of a line: quotes, items of lists and of tasks, footnotes, headings.
MARKS = re.compile(
    r"\s*(?:(?:>|(?:[-*+]|\d{1,9}[.)])(?:\s|$))\s*)*(?:\[[ xX]\]\s+)?(?:\[\^[^\]\s]+\]:\s+)?(?:#{1,6}\s+)?"
)
FOOTNOTE = re.compile(r"\s*\[\^[^\]\s]+\]:\s")
VERBATIM_HTML = re.compile(r"\s*<(?:script|pre|style|textarea|[!?])", re.IGNORECASE)
CELL = re.compile(r"(?<!\\)(\|)")
_TITLE = r""" "(?:[^"\\\n]|\\.){0,999}"|'(?:[^'\\\n]|\\.){0,999}'|\((?:[^()\\\n]|\\.){0,999}\)"""
_TARGET = r"<[^<>\n]{0,999}>|(?:[^\s()\\<]|\\.|\((?:[^\s()\\]|\\.){0,99}\)){0,999}"
INLINE = re.compile(
    rf"""
      (?P<escape> \\[!-/:-@\[-`{{-~] )
    | (?P<ticks> `+ )
    | (?P<target> \]\( \s* (?:{_TARGET}) (?: \s+ (?:{_TITLE}) )? \s* \)
        | \]\([^()\n]{{0,999}}\) | \]\[[^\[\]\n]{{1,999}}\] )
    | (?P<footnote> \[\^[^\]\s]{{1,99}}\] )
    | (?P<opening> !?\[ (?= [^\]\n]{{0,999}} \] (?: \( | \[[^\]] ) ) )
    | (?P<label> !?\[ (?P<name> [^\[\]\n]{{1,999}} ) \] (?:\[\])? )
    | (?P<html> <!-- .{{0,9999}}? --> | </?[a-zA-Z!][^<>]{{0,9999}}> )
    | (?P<entity> & (?: \#\d{{1,7}} | \#[xX][0-9a-fA-F]{{1,6}} | [a-zA-Z]\w{{1,30}} ) ; )
    | (?P<attributes> \{{[\#.:][^{{}}\n]{{0,999}}\}} )
    | (?P<formula> \$\$ [^$]{{1,9999}} \$\$
        | (?<![\w$\\]) \$ (?=[^\s$]) (?=[^$\n]{{0,200}}[\\^_={{}}]) [^$\n]{{1,200}} (?<=\S) \$ (?!\d) )
    | (?P<ending> (?<=[ \t]) \#+ [ \t]* $ | \\ $ )
    | (?P<address> {ADDRESS} )
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)  # fmt: skip


class Block(NamedTuple):
    """A block of lines from `start` to before `stop`; `kind` is that of the token of markdown-it."""

    kind: str
    start: int
    stop: int


def markdown_parts(text: str) -> list[Part]:
    """Return the sentences of a Markdown document and what stands between them; joined they are the text.

    Sentences end at punctuation or at the end of a line. Kept as they are: white space, addresses, parts without any
    letter, code, formulas, HTML tags, targets and titles of links, labels, attributes, front matter and the marks of
    headings, lists, quotes, footnotes and tables.
    """
    lines = LINE.findall(text)
    longest = max(map(len, lines), default=0)
    if longest > MOST_CHARACTERS:
        raise UserError(
            f"a line of the Markdown document has {longest} characters; expected at most {MOST_CHARACTERS}: break it, "
            "or name the file .txt"
        )
    front = _front_matter(lines)
    blocks, labels = _blocks(["\n"] * front + lines[front:])
    found: list[Part] = []
    at = 0
    for block in blocks:
        found += _between(lines[at : block.start])
        body = "".join(lines[block.start : block.stop])
        if block.kind in ("fence", "code_block") or (block.kind == "html_block" and VERBATIM_HTML.match(body)):
            found.append(Part(body, False))
        else:
            found += _block(body, labels)
        at = block.stop
    return found + list(_between(lines[at:]))


def _front_matter(lines: list[str]) -> int:
    """Return the number of lines of front matter: YAML between `---`, TOML between `+++`."""
    mark = lines[0].rstrip() if lines else ""
    if mark not in ("---", "+++"):
        return 0
    ends = (mark, "...") if mark == "---" else (mark,)
    return next((number + 1 for number, line in enumerate(lines) if number and line.rstrip() in ends), 0)


def _blocks(lines: list[str]) -> tuple[list[Block], Collection[str]]:
    """Return the blocks that hold text or code, in order, and the labels of the links that the document defines."""
    from markdown_it import MarkdownIt

    environment: dict[str, Any] = {}
    parser = MarkdownIt("commonmark").enable("table").disable("inline")
    found: list[Block] = []
    for token in parser.parse("".join(lines), environment):
        if token.map is None or token.type not in ("inline", "fence", "code_block", "html_block"):
            continue
        start, stop = token.map
        start = max(start, found[-1].stop if found else 0)  # cells of a row share its line
        if start < stop:
            found.append(Block(token.type, start, stop))
    return found, environment.get("references", {})


def _between(lines: list[str]) -> Iterator[Part]:
    """Return the parts of lines outside blocks: blank lines, rules, definitions of links, and footnotes of a word."""
    for line in lines:
        if FOOTNOTE.match(line):
            yield from _block(line, ())
        else:
            yield Part(line, False)


def _block(body: str, labels: Collection[str]) -> Iterator[Part]:
    """Return the parts of a block of text; code and tags may go on over its lines."""
    start = 0
    for kept, end in [*_kept(body, labels), (len(body), len(body))]:
        for line in LINE.findall(body[start:kept]):
            begins = not start or body[start - 1] in "\r\n"
            marks = MARKS.match(line) if begins else None
            after = 0 if marks is None else marks.end()
            yield Part(line[:after], False)
            for cell in CELL.split(line[after:]):
                yield from sentences(cell)
            start += len(line)
        yield Part(body[kept:end], False)
        start = end


def _kept(body: str, labels: Collection[str]) -> Iterator[tuple[int, int]]:
    """Return the spans of a block that are not text."""
    from markdown_it.common.utils import normalizeReference

    runs: dict[int, list[int]] = defaultdict(list)  # starts of runs of backticks by their length, the last first
    for run in reversed(list(re.finditer("`+", body))):
        runs[len(run[0])].append(run.start())
    at = 0
    while match := INLINE.search(body, at):
        at = match.end()
        if match.lastgroup == "ticks":
            ends = runs[len(match[0])]
            while ends and ends[-1] < at:
                ends.pop()
            if ends:
                at = ends[-1] + len(match[0])
                yield match.start(), at
        elif match["label"] is not None:
            if normalizeReference(match["name"]) in labels:
                yield match.span()
            else:
                at = match.start() + len(match[0]) - len(match[0].lstrip("!")) + 1
        elif match["escape"] is None:
            yield match.span()
