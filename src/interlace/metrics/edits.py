"""Words of a text, and the edits that turn one list of words into another."""

import re
from collections.abc import Sequence
from typing import NamedTuple

WORD = re.compile(r"[^\W\d_]+")  # letters of any script
TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")


class Edit(NamedTuple):
    """Replacement of source words `start:end` by `words`; an insertion has start = end."""

    start: int
    end: int
    words: tuple[str, ...]


def tokens(text: str) -> list[str]:
    """Return runs of letters, runs of digits and single other characters, without white space."""
    return TOKEN.findall(text)


def edits(source: Sequence[str], target: Sequence[str]) -> list[Edit]:
    """Return the edits of a minimal word alignment (Levenshtein), in their order.

    Neighbouring edits are one edit; if it has as many words on both sides, each word is an edit of its own.
    """
    from rapidfuzz.distance import Levenshtein

    runs: list[list[int]] = []  # source start and end, target start and end
    for step in Levenshtein.opcodes(source, target):
        if step.tag == "equal":
            continue
        i, j, k, m = step.src_start, step.src_end, step.dest_start, step.dest_end
        if runs and runs[-1][1] == i and runs[-1][3] == k:
            runs[-1][1], runs[-1][3] = j, m
        else:
            runs.append([i, j, k, m])
    found: list[Edit] = []
    for i, j, k, m in runs:
        if j - i == m - k:
            found += [Edit(i + n, i + n + 1, (target[k + n],)) for n in range(j - i)]
        else:
            found.append(Edit(i, j, tuple(target[k:m])))
    return found


def aligned(source: Sequence[str], target: Sequence[str]) -> list[str | None]:
    """Return for every target word the source word in its place: itself, the word that it replaces, or None."""
    result: list[str | None] = []
    at = 0
    for edit in edits(source, target):
        result += source[at : edit.start]
        single = edit.end - edit.start == len(edit.words) == 1
        result += [source[edit.start]] if single else [None] * len(edit.words)
        at = edit.end
    return [*result, *source[at:]]
