"""What can be wrong with one example, and how many are told at once."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from interlace.errors import UserError

SHOWN = 20  # kinds of complaints
EACH = 3  # lines of a kind up to which each is told
NUMBERS = 5  # of lines beyond that
VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\S*[./]\S*|\d+")  # what differs between equal complaints


class BadExample(Exception):
    """One example cannot be used: `reason` is a short fixed phrase that can be counted, `detail` a whole clause."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Problem(NamedTuple):
    """A bad line: its number (1 is the first), the reason and the detail; as str, one line."""

    line: int
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}: {self.detail}"


def count_reasons(problems: Sequence[Problem]) -> dict[str, int]:
    """Bad lines by reason."""
    return dict(sorted(Counter(problem.reason for problem in problems).items()))


def error_of(where: str, problems: Sequence[Problem], remedy: str) -> UserError:
    """One error for all bad lines, equal complaints as one, of which the first twenty are told."""
    noun = "line" if len(problems) == 1 else "lines"
    return UserError(f"{where}: {len(problems)} bad {noun} ({remedy}):\n" + "\n".join(grouped(problems)))


def grouped(problems: Sequence[Problem]) -> list[str]:
    """Problems as indented lines in the order of their first: equal complaints, names and numbers aside, are one, with
    the numbers of the first lines; of more than twenty kinds the others are counted.
    """
    kinds: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        kinds.setdefault((problem.reason, VARYING.sub("*", problem.detail)), []).append(problem)
    found = list(kinds.values())
    lines = [line for kind in found[:SHOWN] for line in _lines_of(kind)]
    left = sum(len(kind) for kind in found[SHOWN:])
    return [f"  {line}" for line in lines] + ([f"  and {left} more"] if left else [])


def _lines_of(kind: Sequence[Problem]) -> list[str]:
    if len(kind) <= EACH:
        return [str(problem) for problem in kind]
    first, *others = kind
    numbers = ", ".join(str(problem.line) for problem in others[:NUMBERS])
    more = f", and {len(others) - NUMBERS} more" if len(others) > NUMBERS else ""
    return [f"{first}; so also {len(others)} more lines ({numbers}{more})"]


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
