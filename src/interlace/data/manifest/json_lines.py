"""Records from JSON lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from interlace.data.manifest.rows import NumberedRecord, Record, Row
from interlace.data.problems import BadExample, Problem
from interlace.reading.documents import parse_json
from interlace.reading.limits import TooLarge
from interlace.reading.lines import numbered_lines


def read_json_lines(stream: BinaryIO, path: Path) -> Iterator[Row]:
    """The record of every line that is not blank, or its problem."""
    for number, content in numbered_lines(stream, path):
        if not content.strip():
            continue
        try:
            yield NumberedRecord(number, _parse(content))
        except BadExample as bad:
            yield Problem(number, bad.reason, bad.detail)


def _parse(content: bytes) -> Record:
    try:
        record = parse_json(content.decode("utf-8"), "the line")
    except UnicodeDecodeError as error:
        raise BadExample("invalid JSON", f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadExample("invalid JSON", f"{error.msg} at character {error.colno}") from None
    except TooLarge as error:
        raise BadExample("invalid JSON", error.detail) from None
    except ValueError as error:  # a number with too many digits
        raise BadExample("invalid JSON", str(error).partition("\n")[0][:80]) from None
    if not isinstance(record, dict):
        raise BadExample("not an object", f"{type(record).__name__} {str(record)[:40]!r}, expected {{...}}")
    return record
