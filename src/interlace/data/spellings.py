"""When two ways to write a name surely mean the same, and when they may."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

# A number as tables and JSON write it; with zeros before it ("007") it is a name, and "1e5" may be one.
NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)?(?:\.\d+)?", re.ASCII)
LARGEST = 3.4e38  # of float32
# Marks that look alike, after NFKC, which joins most others.
LOOK_ALIKE = str.maketrans(
    {**dict.fromkeys("‐‑‒–—―−﹘", "-"), **dict.fromkeys("‘’‚‛′`´ʼ", "'"), **dict.fromkeys("“”„‟″«»", '"')}
)
SHOWN = 3  # spellings of a sentence


def canonical(value: Any) -> str:
    """The name that a value of JSON or of a table surely means, whoever spelled it: text in Unicode's form NFC without
    white space around it, equal numbers as one (1, 1.0, "1" and " 1.00" are "1"), truth values as JSON writes them.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number_name(value)
    text = unicodedata.normalize("NFC", str(value).encode("utf-8", "replace").decode()).strip()
    number = number_of(text)
    if number is None or abs(number) >= 2**53:  # beyond, text has digits that a float loses
        return text
    return _number_name(number)


def number_of(value: Any) -> float | None:
    """The number that float32 can hold which a value is or spells ("0.3", "-1e-05"); None for any other, as for "007".

    Truth values are no numbers.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        mantissa, _, exponent = text.lower().partition("e")
        if not NUMBER.fullmatch(mantissa) or not mantissa.strip("+-."):
            return None
        if exponent and ("." not in mantissa and "-" not in exponent):  # 1e5 and 12E3 are names as often as numbers
            return None
        try:
            value = float(text)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < LARGEST else None  # NaN is not less


def _number_name(value: float) -> str:
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 2**53:
        value = int(value)
    return repr(value)


class Spellings:
    """The values of a field as they were spelled, with their counts, and the name that each means."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[type, Any]] = Counter()
        self.names: dict[tuple[type, Any], str] = {}

    def add(self, value: Any) -> None:
        """Counts a value, if it is text, a number or a truth value."""
        if isinstance(value, str | int | float):
            key = (type(value), value)
            self.counts[key] += 1
            if key not in self.names:
                self.names[key] = canonical(value)

    def by_name(self) -> dict[str, int]:
        """How many values mean each name."""
        found: Counter[str] = Counter()
        for key, count in self.counts.items():
            found[self.names[key]] += count
        return dict(found)

    def notes(self, what: str) -> list[str]:
        """What was taken as one, and what may be one: a sentence a name."""
        if len(self.counts) == len(set(self.names.values())):  # most often: each name is spelled in one way
            return alike_notes(what, self.by_name())
        ways: dict[str, list[tuple[type, Any]]] = {}
        for key in self.counts:
            ways.setdefault(self.names[key], []).append(key)
        several = {name: keys for name, keys in sorted(ways.items()) if len(keys) > 1}
        told = []
        for name, keys in list(several.items())[:SHOWN]:
            keys.sort(key=lambda key: -self.counts[key])
            shown = ", ".join(f"{_written(value)} ({self.counts[kind, value]:,})" for kind, value in keys[:SHOWN])
            more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
            told.append(f"{what} {name!r} is spelled in {len(keys)} ways, taken as one: {shown}{more}")
        if len(several) > SHOWN:
            told.append(f"so are {len(several) - SHOWN} more")
        return told + alike_notes(what, self.by_name())


def alike(names: Iterable[str]) -> list[list[str]]:
    """Groups of names that may be spellings of one: equal but for case, inner white space, marks that look alike,
    invisible characters, zeros before a number, or Unicode's compatibility forms."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_loose(name), []).append(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def alike_notes(what: str, names: Mapping[str, int]) -> list[str]:
    """A sentence for each group of names, with their counts, that may be one; of many groups three are told."""
    groups = alike(names)
    told = []
    for group in groups[:SHOWN]:
        most = sorted(group, key=lambda name: (-names[name], name))[:SHOWN]
        shown = " and ".join(f"{_written(name)} ({names[name]:,})" for name in most)
        told.append(f"{what} {shown} may be spellings of one; if they are, write them alike")
    left = len(groups) - SHOWN
    return told + ([f"{left} more such {'group' if left == 1 else 'groups'} of {what} spellings"] if left > 0 else [])


def _loose(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).translate(LOOK_ALIKE).casefold()
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    text = " ".join(text.split())
    return str(int(text)) if text.isascii() and text.isdigit() and len(text) < 20 else text


def _written(value: Any) -> str:
    """A value as JSON writes it, with marks spelled out that do not show or that look like others."""
    if not isinstance(value, str):
        return str(value)
    hidden = {c for c in value if not c.isprintable() or unicodedata.combining(c) or ord(c) in LOOK_ALIKE}
    return '"' + "".join(f"\\u{ord(c):04x}" if c in hidden else c for c in value[:40]) + '"'
