"""Lines of bytes of bounded length. Only a line feed ends a line, as texts may contain U+2028 and the like."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from interlace.errors import UserError
from interlace.reading.files import conversion_command, decode_utf8, detected_encoding
from interlace.reading.limits import TooLarge, exceeded, format_limit, limit

MARK = b"\xef\xbb\xbf"


def numbered_lines(stream: BinaryIO, where: Path | str) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers from 1, without line ends (LF or CR LF) and byte-order mark.

    Raises TooLarge for a line beyond the limit line_bytes, and UserError for UTF-16.
    """
    most = limit("line_bytes")
    number, raw = 0, read_line(stream, f"{where}: line 1")
    if found := detected_encoding(raw):
        raise UserError(f"{where}: the text is {found}, expected UTF-8; {conversion_command(where, found)}")
    raw = raw.removeprefix(MARK)
    while raw or not number:
        number += 1
        if raw:
            yield number, raw.removesuffix(b"\n").removesuffix(b"\r")
        raw = stream.readline(most + 1)
        if len(raw) > most:
            raise _too_long(f"{where}: line {number + 1}", most)


def read_line(stream: BinaryIO, where: str) -> bytes:
    """Read the next line with its end, b"" at the end of the stream; TooLarge beyond the limit line_bytes."""
    most = limit("line_bytes")
    line = stream.readline(most + 1)
    if len(line) > most:
        raise _too_long(where, most)
    return line


def _too_long(where: str, most: int) -> TooLarge:
    return exceeded(where, f"it has more than {format_limit('_bytes', most)} bytes", "line_bytes")


def text_lines(content: bytes, where: Path | str) -> list[str]:
    """The lines of a text, including a last one without a line end; none for an empty text."""
    text = decode_utf8(content, where)
    return text.removesuffix("\n").replace("\r\n", "\n").split("\n") if text else []
