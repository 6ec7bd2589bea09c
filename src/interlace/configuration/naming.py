"""Rule for names that occur in paths and tables: of studies, arms, levels, parents, runs and sweeps."""

import unicodedata
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

from interlace.errors import UserError

MOST_BYTES = 100
PUNCTUATION = "._+-"
# Windows opens devices under these names, with any extension.
DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})
RULE = (
    f"a name has letters of any script, digits and {' '.join(PUNCTUATION)}, begins with a letter, a digit or _, does "
    f"not end with a dot, and has at most {MOST_BYTES} bytes"
)


def problem_with_name(name: str, most: int = MOST_BYTES) -> str | None:
    """Return the reason why `name` is refused, as a clause; None for a valid name."""
    if not name or not (_is_letter(name[0]) or name[0] == "_"):
        return RULE
    bad = next((each for each in name if not (_is_letter(each) or _is_mark(each) or each in PUNCTUATION)), None)
    if bad is not None:
        shown = unicodedata.name(bad, f"U+{ord(bad):04X}").lower() if not bad.isprintable() or bad == " " else bad
        return f"{shown} is not allowed: {RULE}; put what people are to read in labels"
    if len(name.encode()) > most or name.endswith("."):
        return RULE
    if unicodedata.normalize("NFC", name) != name:
        return f"its letters are not composed (NFC); write it as {unicodedata.normalize('NFC', name)!r}"
    if name.split(".")[0].casefold() in DEVICES:
        return f"{name.split('.')[0]!r} is a device on Windows; take another name"
    return None


def check_name(what: str, name: object) -> str:
    """Return `name` if it is valid; else raise UserError, with `what` as the subject of its message."""
    problem = problem_with_name(name) if isinstance(name, str) else "expected a text"
    if problem is not None or not isinstance(name, str):
        shown = repr(name) if len(repr(name)) <= MOST_BYTES else f"{repr(name)[:60]}... ({len(str(name))} characters)"
        raise UserError(f"{what}: got {shown}; {problem}")
    return name


def alike(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two names that differ in case only, which some file systems treat as one; None without such names."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if other != name:
            return other, name
    return None


def _checked(name: str) -> str:
    problem = problem_with_name(name)
    if problem is not None:
        raise ValueError(problem)
    return name


Name = Annotated[str, AfterValidator(_checked)]


def _is_letter(character: str) -> bool:
    return unicodedata.category(character) in {"Lu", "Ll", "Lt", "Lm", "Lo", "Nd"}


def _is_mark(character: str) -> bool:
    """Return whether a character is a vowel sign or accent, which many scripts write after a letter."""
    return unicodedata.category(character) in {"Mn", "Mc"}
