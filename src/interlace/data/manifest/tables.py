"""Records from CSV and TSV: the first row names the fields, every cell is text, and an empty cell is missing."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from interlace.data import audio, features, images, videos
from interlace.data.manifest.rows import NumberedRecord, Row
from interlace.data.problems import Problem
from interlace.errors import UserError
from interlace.reading.delimited import BadRow, Cells, delimited_rows
from interlace.reading.limits import exceeded, limit

DELIMITERS = (",", "\t", ";", "|")
SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
MEDIA = (*images.SUFFIXES, *audio.SUFFIXES, *videos.SUFFIXES, *features.SUFFIXES)
EXPECTED = "expected a table whose first row names its columns (text,label)"


def read_table_rows(stream: BinaryIO, path: Path, head: bytes) -> Iterator[Row]:
    """Every row after the first. `head`: the first bytes, from which delimiter and quoting are detected.

    Raises UserError if the first row does not name columns, or names one twice.
    """
    delimiter = delimiter_of(head, path)
    found = delimited_rows(stream, path, delimiter, quoted=delimiter != "\t" or _is_quoted(head))
    names = _names(next(found, None), path)
    for row in found:
        if isinstance(row, BadRow):
            yield Problem(row.number, "unreadable row", row.why)
        elif len(row.cells) != len(names):
            yield Problem(
                row.number, "wrong number of cells",
                f"it has {len(row.cells)}, the first row names {len(names)} columns; put a cell that contains "
                f"{'a tab' if delimiter == chr(9) else repr(delimiter)} in double quotes",
            )  # fmt: skip
        else:
            cells = zip(names, row.cells, strict=True)
            yield NumberedRecord(row.number, {name: cell for name, cell in cells if cell and not cell.isspace()})


def looks_like_table(head: bytes) -> bool:
    """True if the first lines have equal, positive counts of a delimiter and are not JSON."""
    lines = _lines(head)
    return len(lines) > 1 and b"{" not in lines[0] and any(_fits(lines, delimiter) for delimiter in DELIMITERS)


def delimiter_of(head: bytes, path: Path) -> str:
    """The delimiter with equal counts in the first lines, or that of the suffix, or the most frequent in the header."""
    lines = _lines(head)
    usual = SUFFIXES.get(path.suffix.lower())
    if usual == "\t":
        return usual
    fitting = [delimiter for delimiter in DELIMITERS if len(lines) > 1 and _fits(lines, delimiter)]
    if usual in fitting or (usual and not fitting and usual.encode() in lines[0]):
        return usual
    counts = Counter({delimiter: lines[0].count(delimiter.encode()) for delimiter in fitting or DELIMITERS})
    (best, most), *_ = counts.most_common(1)
    return best if most else usual or ","


def _names(first: Cells | BadRow | None, path: Path) -> list[str]:
    if not isinstance(first, Cells):
        raise UserError(f"{path}: its first row cannot be read ({first.why if first else 'it is empty'}); {EXPECTED}")
    if len(first.cells) > limit("table_columns"):
        raise exceeded(path, f"it has {len(first.cells)} columns", "table_columns", len(first.cells))
    names = [cell.strip() or f"column {number}" for number, cell in enumerate(first.cells, start=1)]
    for name in names:
        if is_value(name):
            raise UserError(f"{path}: its first row holds the value {name[:40]!r}, not names; {EXPECTED}: add that row")
    (name, times), *_ = Counter(names).most_common(1)
    if times > 1:
        raise UserError(f"{path}: its first row has {name[:40]!r} {times} times; give every column a unique name")
    return names


def is_value(name: str) -> bool:
    """True if a cell of the first row is a number or a file, so that the row does not name columns."""
    try:
        return math.isfinite(float(name))
    except ValueError:
        return PurePosixPath(name).suffix.lower() in MEDIA


def _lines(head: bytes) -> list[bytes]:
    """The first lines that are not blank, without a last one that may be incomplete."""
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    cut = len(lines) > 2 and not head.endswith(b"\n")
    return (lines[:-1] if cut else lines)[:20] or [b""]


def _fits(lines: Sequence[bytes], delimiter: str) -> bool:
    """True if all lines have the same number of delimiters outside of quotes; rows over several lines are ignored."""
    counts = {sum(part.count(delimiter.encode()) for part in line.split(b'"')[::2])
              for line in lines if line.count(b'"') % 2 == 0}  # fmt: skip
    return len(counts) == 1 and counts != {0}


def _is_quoted(head: bytes) -> bool:
    """True if cells between tabs are quoted: some begin with a quote, and each of these ends with its closing quote.

    Texts that begin with a quotation ("Yes", he said) do not count.
    """
    rows = [line.rstrip(b"\r").split(b"\t") for line in _lines(head)]
    width = len(rows[0])
    opened = [cell for row in rows for cell in row if cell.startswith(b'"')]
    closed = [cell for cell in opened if len(cell) > 1 and cell.endswith(b'"') and cell.count(b'"') % 2 == 0]
    # A cell that continues on the next line has an open quote, and its first line has too few cells.
    split = [row for row in rows if len(row) != width and any(cell.count(b'"') % 2 for cell in row)]
    return bool(opened) and (len(closed) == len(opened) or bool(split))
