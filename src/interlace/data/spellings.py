"""Spellings of names: canonical forms, and names that may be spellings of one."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

# A number as in tables and JSON. With leading zeros ("007") it is a name, and "1e5" may be one.
NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)?(?:\.\d+)?", re.ASCII)
LARGEST = 3.4e38  # float32
# Punctuation marks that look alike; NFKC unifies most others.
LOOK_ALIKE = str.maketrans(
    {**dict.fromkeys("‐‑‒–—―−﹘", "-"), **dict.fromkeys("‘’‚‛′`´ʼ", "'"), **dict.fromkeys("“”„‟″«»", '"')}
)
SHOWN = 3  # spellings listed in a sentence


def canonical(value: Any) -> str:
    """The canonical name of a value from JSON or a table: text in Unicode NFC without surrounding white space, equal
    numbers in one form (1, 1.0, "1" and " 1.00" are "1"), booleans as in JSON.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number_name(value)
    text = unicodedata.normalize("NFC", str(value).encode("utf-8", "replace").decode()).strip()
    number = parse_number(text)
    if number is None or abs(number) >= 2**53:  # from 2^53 on a float would lose digits of the text
        return text
    return _number_name(number)


def parse_number(value: Any) -> float | None:
    """The number that a value is or spells ("0.3", "-1e-05"), if it is within the range of float32; None for other
    values, such as "007" and booleans.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        mantissa, _, exponent = text.lower().partition("e")
        if not NUMBER.fullmatch(mantissa) or not mantissa.strip("+-."):
            return None
        if exponent and ("." not in mantissa and "-" not in exponent):  # 1e5 and 12E3 may as well be names
            return None
        try:
            value = float(text)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < LARGEST else None  # False for NaN


def _number_name(value: float) -> str:
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 2**53:
        value = int(value)
    return repr(value)


class Spellings:
    """The spellings of the values of a field with their counts and canonical names."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[type, Any]] = Counter()
        self.names: dict[tuple[type, Any], str] = {}

    def add(self, value: Any) -> None:
        """Counts a value if it is text, a number or a boolean."""
        if isinstance(value, str | int | float):
            key = (type(value), value)
            self.counts[key] += 1
            if key not in self.names:
                self.names[key] = canonical(value)

    def by_name(self) -> dict[str, int]:
        """The number of values by canonical name."""
        found: Counter[str] = Counter()
        for key, count in self.counts.items():
            found[self.names[key]] += count
        return dict(found)

    def notes(self, what: str) -> list[str]:
        """A sentence for each name with several spellings, and for each group of names that may be one."""
        if len(self.counts) == len(set(self.names.values())):  # the usual case: each name has one spelling
            return similar_name_notes(what, self.by_name())
        spellings: dict[str, list[tuple[type, Any]]] = {}
        for key in self.counts:
            spellings.setdefault(self.names[key], []).append(key)
        several = {name: keys for name, keys in sorted(spellings.items()) if len(keys) > 1}
        sentences = []
        for name, keys in list(several.items())[:SHOWN]:
            keys.sort(key=lambda key: -self.counts[key])
            shown = ", ".join(f"{_written(value)} ({self.counts[kind, value]:,})" for kind, value in keys[:SHOWN])
            more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
            sentences.append(f"{what} {name!r} is spelled in {len(keys)} ways, taken as one: {shown}{more}")
        if len(several) > SHOWN:
            sentences.append(f"so are {len(several) - SHOWN} more")
        return sentences + similar_name_notes(what, self.by_name())


def similar_names(names: Iterable[str]) -> list[list[str]]:
    """Groups of names that may be spellings of one: they differ only in case, inner white space, marks that look alike,
    invisible characters, leading zeros of a number, or Unicode compatibility forms.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_loose(name), []).append(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def similar_name_notes(what: str, names: Mapping[str, int]) -> list[str]:
    """A sentence for each group of names, with counts, that may be one; at most three groups are listed."""
    groups = similar_names(names)
    sentences = []
    for group in groups[:SHOWN]:
        most = sorted(group, key=lambda name: (-names[name], name))[:SHOWN]
        shown = " and ".join(f"{_written(name)} ({names[name]:,})" for name in most)
        sentences.append(f"{what} {shown} may be spellings of one; if they are, write them alike")
    left = len(groups) - SHOWN
    return sentences + (
        [f"{left} more such {'group' if left == 1 else 'groups'} of {what} spellings"] if left > 0 else []
    )


def _loose(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).translate(LOOK_ALIKE).casefold()
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    text = " ".join(text.split())
    return str(int(text)) if text.isascii() and text.isdigit() and len(text) < 20 else text


def _written(value: Any) -> str:
    """A value as in JSON, with characters escaped that are invisible or look like others."""
    if not isinstance(value, str):
        return str(value)
    hidden = {c for c in value if not c.isprintable() or unicodedata.combining(c) or ord(c) in LOOK_ALIKE}
    return '"' + "".join(f"\\u{ord(c):04x}" if c in hidden else c for c in value[:40]) + '"'
