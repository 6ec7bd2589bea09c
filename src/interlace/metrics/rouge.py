"""ROUGE-1, -2 and -L (Lin 2004) with words of any script."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import regex

from interlace.errors import UserError

# A letter with its marks is a word of its own in scripts that are written without spaces; all else is split where a
# character is no letter, mark or number.
UNSEPARATED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
WORD = regex.compile(rf"{UNSEPARATED}\p{{M}}*|(?:(?!{UNSEPARATED})[\p{{L}}\p{{M}}\p{{N}}])+")
KEYS = ("rouge1", "rouge2", "rougeL")


def words(text: str) -> list[str]:
    """Words in lower case: runs of letters, marks and numbers, and single characters of scripts without spaces.

    For ASCII they are those of Google's rouge-score without stemming.
    """
    return WORD.findall(text.lower())


def rouge(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], *, combine: Literal["best", "mean"] = "best"
) -> dict[str, np.ndarray]:
    """F of ROUGE-1, -2 and -L in [0, 1] for each text, (N,), under the keys rouge1, rouge2 and rougeL.

    Of several references the best counts for each metric (rouge-score's `score_multi`), or the mean of all. ROUGE-L is
    that of the whole text as one sentence.
    """
    if len(hypotheses) != len(references) or not hypotheses:
        raise UserError(
            f"rouge: got {len(hypotheses)} hypotheses and {len(references)} references; expected as many of one as of "
            "the other, at least one"
        )
    rows = []
    for place, (text, given) in enumerate(zip(hypotheses, references, strict=True)):
        if isinstance(given, str) or not given:
            raise UserError(f"rouge: example {place + 1} needs a list of at least one reference, got {given!r}")
        ours = words(text)
        scores = np.array([rouge_of_words(ours, words(each)) for each in given])  # (references, 3)
        rows.append(scores.max(axis=0) if combine == "best" else scores.mean(axis=0))
    return dict(zip(KEYS, np.array(rows).T, strict=True))


def rouge_of_words(hypothesis: Sequence[str], reference: Sequence[str]) -> tuple[float, float, float]:
    """F of ROUGE-1, -2 and -L of two lists of words; 0 where either has no n-gram."""
    return (
        _ngram_f(hypothesis, reference, 1),
        _ngram_f(hypothesis, reference, 2),
        _f(longest_common_subsequence(hypothesis, reference), len(hypothesis), len(reference)),
    )


def longest_common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, by bit vectors (Hyyro 2004): O(|a| |b| / word length)."""
    places: dict[str, int] = {}
    for place, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << place
    mask = (1 << len(a)) - 1
    vector = mask
    for word in b:
        common = vector & places.get(word, 0)
        vector = ((vector + common) | (vector - common)) & mask
    return len(a) - vector.bit_count()


def _ngram_f(hypothesis: Sequence[str], reference: Sequence[str], order: int) -> float:
    ours, theirs = (
        Counter(zip(*(each[start:] for start in range(order)), strict=False)) for each in (hypothesis, reference)
    )
    return _f((ours & theirs).total(), ours.total(), theirs.total())


def _f(common: int, first: int, second: int) -> float:
    """2 P R / (P + R) with P = common / first and R = common / second."""
    return 2 * common / (first + second) if common else 0.0
