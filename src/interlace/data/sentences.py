"""Texts as sentences or lines, and dialogues as turns of speakers."""

import re
from typing import Literal, NamedTuple

SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])")
# "#Person1#: Hello" or "Ms. Dawson: Hello", not "note that: ..." in lower case
SPEAKER = re.compile(r"(#[^#\s]+#|[^\W\d_a-z][^:\n]{0,29}):\s+(?=\S)")

Unit = Literal["line", "sentence"]


class Turn(NamedTuple):
    """A text, and the speaker before its colon ("" for none)."""

    speaker: str
    text: str


def split_units(text: str, unit: Unit) -> list[str]:
    """Lines of a text without empty ones; or its sentences, which end at . ! ? … before a space, at 。！？ and with a
    line. Abbreviations end sentences too. A text without either is one unit."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if unit == "line":
        return lines
    return [part.strip() for line in lines for part in SENTENCE_END.split(line) if part.strip()]


def split_turns(text: str, unit: Unit) -> list[Turn]:
    """Units with the speaker of the line that they stand in, taken out of their text."""
    turns = []
    for line in split_units(text, "line"):
        found = SPEAKER.match(line)
        speaker = found[1].strip() if found else ""
        rest = line[found.end() :] if found else line
        turns += [Turn(speaker, part) for part in split_units(rest, unit)]
    return turns
