"""Turns of a dialogue told by somebody else: English pronouns by the names of speakers."""

import re
from collections.abc import Sequence

from interlace.data.sentences import Turn

# In this order: contractions before single pronouns, also as some corpora space them ("I ' m").
FIRST = (
    (r"I\s?['’]\s?m", "{0} is"), (r"I am", "{0} is"), (r"I\s?['’]\s?(?:ve|Ve|VE)", "{0} has"), (r"I have", "{0} has"),
    (r"I\s?['’]\s?(?:ll|Ll|LL)", "{0} will"), (r"I\s?['’]\s?d", "{0} would"),
    (r"I|me|myself", "{0}"), (r"[Mm]y|[Mm]ine", "{0}'s"),
)  # fmt: skip
SECOND = (
    (r"[Yy]ou\s?['’]\s?re", "{1} is"), (r"[Yy]ou are", "{1} is"), (r"[Yy]ou\s?['’]\s?ve", "{1} has"),
    (r"[Yy]ou\s?['’]\s?ll", "{1} will"), (r"[Yy]ou|[Yy]ourself", "{1}"), (r"[Yy]ours?", "{1}'s"),
)  # fmt: skip
# After a possessive or a name's apostrophe no word follows directly, so that "you" in "yours" is no pronoun of its own.
RULES = [(re.compile(rf"\b(?:{pattern})\b(?!\w)"), told) for pattern, told in (*FIRST, *SECOND)]


def reported(turns: Sequence[Turn], chosen: Sequence[int]) -> list[str]:
    """The chosen turns as a third person tells them: the speaker's name before the text, "I" and "you" as names.

    "you" is the other speaker where a dialogue has two, else it stays. Turns without a speaker stay as they are.
    """
    speakers = list(dict.fromkeys(turn.speaker for turn in turns if turn.speaker))
    told = []
    for index in chosen:
        speaker, text = turns[index]
        if not speaker:
            told.append(text)
            continue
        others = [name for name in speakers if name != speaker]
        listener = others[0] if len(others) == 1 else None
        told.append(f"{speaker} {_with_names(text, speaker, listener)}")
    return told


def _with_names(text: str, speaker: str, listener: str | None) -> str:
    for pattern, replacement in RULES:
        if listener is None and "{1}" in replacement:
            continue
        text = pattern.sub(replacement.format(speaker, listener).replace("\\", r"\\"), text)
    return text
