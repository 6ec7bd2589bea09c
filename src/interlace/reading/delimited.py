"""Rows of delimited text (CSV, TSV), each within a bound, with the number of the line on which each begins."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from interlace.reading.limits import exceeded, limit, spelled
from interlace.reading.lines import numbered_lines

MOST_CELLS = 1_000_000  # delimiters of a line: every cell takes memory, even an empty one


class BadRow(NamedTuple):
    """A row that cannot be taken apart: the line on which it begins, and why."""

    number: int
    why: str


class Cells(NamedTuple):
    """A row: the line on which it begins, and its cells as text."""

    number: int
    cells: list[str]


def delimited_rows(stream: BinaryIO, where: Path | str, delimiter: str, *, quoted: bool) -> Iterator[Cells | BadRow]:
    """Every row that is not blank. `quoted`: a cell may stand in double quotes, with a quote in it doubled (RFC 4180),
    and then hold delimiters and line ends; otherwise quotes are characters like others.

    Raises UserError for UTF-16, and TooLarge for a line or a row of more than the limit line_bytes.
    """
    lines = _Lines(stream, where, delimiter)
    csv.field_size_limit(max(csv.field_size_limit(), limit("line_bytes")))
    rows = csv.reader(lines, delimiter=delimiter, strict=True, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    while True:
        lines.begin()
        try:
            cells = next(rows, None)
        except _Undecodable as error:
            yield BadRow(lines.first, str(error))
        except csv.Error as error:
            why = f"{error}".replace("unexpected end of data", "a double quote is opened and never closed")
            yield BadRow(lines.first, f'{why}; a cell in double quotes ends with one, and a quote in it is written ""')
        else:
            if cells is None:
                return
            if len(cells) > 1 or (cells and not cells[0].isspace()):
                yield Cells(lines.first, cells)


class _Undecodable(ValueError):
    """A line that is no row of text."""


class _Lines:
    """Lines as csv.reader takes them; `begin` before each row, whose first line is `first` then."""

    def __init__(self, stream: BinaryIO, where: Path | str, delimiter: str) -> None:
        self._lines = numbered_lines(stream, where)
        self._where, self._delimiter = where, delimiter.encode()
        self.first = self._size = 0
        self._most = limit("line_bytes")

    def begin(self) -> None:
        self.first = self._size = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        number, line = next(self._lines)
        self.first = self.first or number
        self._size += len(line) + 1
        if self._size > self._most + 1:
            what = f"a row has more than {spelled('_bytes', self._most)} (is a double quote left open?)"
            raise exceeded(f"{self._where}: line {self.first}", what, "line_bytes")
        if line.count(self._delimiter) > MOST_CELLS:
            raise _Undecodable(f"it has more than {MOST_CELLS} cells")
        try:
            return line.decode("utf-8") + "\n"
        except UnicodeDecodeError as error:
            raise _Undecodable(
                f"byte {error.start} of line {number} is 0x{line[error.start]:02x}, which is not UTF-8; save the file "
                "as UTF-8, e.g. with iconv -f ISO-8859-1 -t UTF-8"
            ) from None
