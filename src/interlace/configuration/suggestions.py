"""Suggestion of the nearest valid name for a mistyped one."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Return a clause for an error: the nearest valid name, or all valid names if none is near."""
    names = sorted(map(str, valid))
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}? (valid: {', '.join(names)})"
    return f"valid: {', '.join(names)}" if names else "nothing is accepted here"
