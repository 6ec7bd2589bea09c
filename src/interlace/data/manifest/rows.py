"""What every reader of examples yields: a record with its number, or what is wrong there."""

from typing import Any, NamedTuple

from interlace.data.problems import Problem

Record = dict[str, Any]


class Line(NamedTuple):
    """A record and where it stands, 1 for the first: the line of a text file (of a row over several, its first), the
    row of a table without lines, the place of an example in a folder."""

    number: int
    record: Record


Row = Line | Problem
