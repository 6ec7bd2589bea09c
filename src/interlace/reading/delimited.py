"""Rows of delimited text (CSV, TSV) of bounded size, each with the number of its first line."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from interlace.reading.limits import exceeded, format_limit, limit
from interlace.reading.lines import numbered_lines

MAX_CELLS = 1_000_000  # delimiters in a line; every cell takes memory, even an empty one


class BadRow(NamedTuple):
    """A row that cannot be parsed: the number of its first line, and the reason."""

    number: int
    why: str


class Cells(NamedTuple):
    """A row: the number of its first line, and its cells as text."""

    number: int
    cells: list[str]


def delimited_rows(stream: BinaryIO, where: Path | str, delimiter: str, *, quoted: bool) -> Iterator[Cells | BadRow]:
    """The rows of a delimited text, blank rows skipped.

    `quoted`: a cell in double quotes may contain delimiters and line breaks, and double quotes written twice (RFC
    4180); otherwise quotes are ordinary characters. Raises UserError for UTF-16, and TooLarge for a line or a row
    beyond the limit line_bytes.
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
            why = f"{error}".replace("unexpected end of data", "a double quote is never closed")
            yield BadRow(lines.first, f'{why}; a cell in double quotes ends with one, and a quote in it is written ""')
        else:
            if cells is None:
                return
            if len(cells) > 1 or (cells and not cells[0].isspace()):
                yield Cells(lines.first, cells)


class _Undecodable(ValueError):
    """A line that is not text in UTF-8 or has too many cells."""


class _Lines:
    """An iterator of lines for csv.reader; `begin` is called before each row, whose first line number is `first`."""

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
            what = f"a row has more than {format_limit('_bytes', self._most)} (perhaps a double quote is not closed)"
            raise exceeded(f"{self._where}: line {self.first}", what, "line_bytes")
        if line.count(self._delimiter) > MAX_CELLS:
            raise _Undecodable(f"it has more than {MAX_CELLS} cells")
        try:
            return line.decode("utf-8") + "\n"
        except UnicodeDecodeError as error:
            raise _Undecodable(
                f"byte {error.start} of line {number} is 0x{line[error.start]:02x}, which is not UTF-8; save the file "
                "as UTF-8, e.g. with iconv -f ISO-8859-1 -t UTF-8"
            ) from None
