"""Lines of bytes, each within a bound. A line ends at a line feed alone: U+2028 and the like stand inside texts."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from interlace.errors import UserError
from interlace.reading.files import conversion, decoded, other_encoding
from interlace.reading.limits import TooLarge, exceeded, limit, spelled

MARK = b"\xef\xbb\xbf"


def numbered_lines(stream: BinaryIO, where: Path | str) -> Iterator[tuple[int, bytes]]:
    """Lines from number 1, without their ends (line feed, or carriage return and line feed) and without a byte-order
    mark. Raises TooLarge for a line of more than the limit line_bytes, and UserError for UTF-16.
    """
    most = limit("line_bytes")
    number, raw = 0, read_line(stream, f"{where}: line 1")
    if found := other_encoding(raw):
        raise UserError(f"{where}: the text is {found}, expected UTF-8; {conversion(where, found)}")
    raw = raw.removeprefix(MARK)
    while raw or not number:
        number += 1
        if raw:
            yield number, raw.removesuffix(b"\n").removesuffix(b"\r")
        raw = stream.readline(most + 1)
        if len(raw) > most:
            raise _too_long(f"{where}: line {number + 1}", most)


def read_line(stream: BinaryIO, where: str) -> bytes:
    """The next line with its end, b"" where there is none; TooLarge when it is longer than the limit line_bytes."""
    most = limit("line_bytes")
    line = stream.readline(most + 1)
    if len(line) > most:
        raise _too_long(where, most)
    return line


def _too_long(where: str, most: int) -> TooLarge:
    return exceeded(where, f"it has more than {spelled('_bytes', most)} bytes", "line_bytes")


def text_lines(content: bytes, where: Path | str) -> list[str]:
    """The lines of a text that is held whole, a last one without end included, none for an empty text."""
    text = decoded(content, where)
    return text.removesuffix("\n").replace("\r\n", "\n").split("\n") if text else []
