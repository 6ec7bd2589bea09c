"""Lines of a manifest to records."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from interlace.data.manifest.formats import LOOKED_AT, other_format
from interlace.data.problems import BadExample, Problem, error_of
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.documents import parse_json
from interlace.reading.files import open_regular
from interlace.reading.limits import TooLarge
from interlace.reading.lines import numbered_lines

Record = dict[str, Any]


class Line(NamedTuple):
    """A record and the number of its line, 1 for the first."""

    number: int
    record: Record


def read_lines(path: Path) -> tuple[list[Line], list[Problem]]:
    """All records of a file and the lines that are none; blank lines are passed over.

    Raises UserError when the file itself cannot be read or has no lines.
    """
    lines, problems = [], []
    for number, content in _numbered(path):
        try:
            lines.append(Line(number, _parse(content)))
        except BadExample as bad:
            problems.append(Problem(number, bad.reason, bad.detail))
    if not lines and not problems:
        raise UserError(f"{path}: no examples in it; expected one JSON object a line")
    return lines, problems


def read_records(path: Path) -> list[Record]:
    """All records of a file, in order; UserError names every line that is not a JSON object."""
    lines, problems = read_lines(Path(path))
    if problems:
        raise error_of(str(path), problems, "expected one JSON object a line")
    return [line.record for line in lines]


def identity(line: Line) -> str:
    """The record's id, else the number of its line; BadExample unless it is text or a whole number."""
    value = line.record.get("id")
    if value is None:
        return str(line.number)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise BadExample("wrong type", f"id is {str(value)[:40]!r}, expected text or a whole number")
    return str(value).encode("utf-8", "replace").decode()


def _numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank; UserError for a file that is another format, with the command that converts it."""
    note(path)
    try:
        with open_regular(path) as stream:
            head = stream.read(LOOKED_AT)
            if other := other_format(path, head):
                raise UserError(f"{path}: it is {other}")
            stream.seek(0)
            yield from ((number, line) for number, line in numbered_lines(stream, path) if line.strip())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a JSON-lines file (data.path=FILE)") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected a JSON-lines file") from None


def _parse(content: bytes) -> Record:
    try:
        record = parse_json(content.decode("utf-8"), "the line")
    except UnicodeDecodeError as error:
        raise BadExample("invalid JSON", f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadExample("invalid JSON", f"{error.msg} at character {error.colno}") from None
    except TooLarge as error:
        raise BadExample("invalid JSON", error.detail) from None
    except ValueError as error:  # a number of too many digits
        raise BadExample("invalid JSON", str(error).partition("\n")[0][:80]) from None
    if not isinstance(record, dict):
        raise BadExample("not an object", f"{type(record).__name__} {str(record)[:40]!r}, expected {{...}}")
    return record
