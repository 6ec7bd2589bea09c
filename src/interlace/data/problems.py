"""What can be wrong with one example, and how many are told at once."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from interlace.errors import UserError

SHOWN = 20


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
    """One error for all bad lines, of which the first twenty are named."""
    noun = "line" if len(problems) == 1 else "lines"
    shown = "\n".join(f"  {problem}" for problem in problems[:SHOWN])
    more = f"\n  and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return UserError(f"{where}: {len(problems)} bad {noun} ({remedy}):\n{shown}{more}")
