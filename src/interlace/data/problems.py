"""Problems of single examples, and the message that lists them."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from interlace.errors import UserError

SHOWN = 20  # kinds of problems that are listed
EACH = 3  # lines of a kind up to which each line has its own entry
NUMBERS = 5  # line numbers listed beyond that
VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\S*[./]\S*|\d+")  # parts that differ between problems of one kind


class BadExample(Exception):
    """One example cannot be used: `reason` is a short fixed phrase, by which it is counted, `detail` a clause."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Problem(NamedTuple):
    """A bad line: its number from 1, the reason and the detail; `str` gives one line."""

    line: int
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}: {self.detail}"


def count_reasons(problems: Sequence[Problem]) -> dict[str, int]:
    """The number of bad lines by reason."""
    return dict(sorted(Counter(problem.reason for problem in problems).items()))


def error_for(where: str, problems: Sequence[Problem], remedy: str) -> UserError:
    """One error for all bad lines; it lists up to twenty kinds of problems."""
    noun = "line" if len(problems) == 1 else "lines"
    return UserError(f"{where}: {len(problems)} bad {noun} ({remedy}):\n" + "\n".join(grouped(problems)))


def grouped(problems: Sequence[Problem]) -> list[str]:
    """Problems as indented lines, by kind in the order of first occurrence. Problems that differ only in names and
    numbers are of one kind, given with the first line numbers; beyond twenty kinds only their number is given.
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
    return [f"{first}; the same on {len(others)} more lines ({numbers}{more})"]


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
