"""Diversity and repetition of generated texts."""

from collections.abc import Hashable, Sequence
from itertools import chain

from interlace.errors import UserError


def distinct(texts: Sequence[str], n: int) -> float:
    """Return distinct-n of a collection, [0, 1]: different n-grams / n-grams of all texts (Li et al. 2016, section 5).

    N-grams are of words between white space in lower case and do not cross texts. The value falls with the amount of
    text, so that only collections of similar size are comparable. NaN without any n-gram.
    """
    grams = list(chain.from_iterable(ngrams(text.lower().split(), n) for text in texts))
    return len(set(grams)) / len(grams) if grams else float("nan")


def sequence_repetition(tokens: Sequence[Hashable], n: int) -> float:
    """Return seq-rep-n of one sequence, [0, 1]: 1 - different n-grams / n-grams (Welleck et al. 2020, equation 8).

    NaN for a sequence of fewer than n tokens.
    """
    grams = ngrams(tokens, n)
    return 1 - len(set(grams)) / len(grams) if grams else float("nan")


def ngrams(tokens: Sequence[Hashable], n: int) -> list[tuple[Hashable, ...]]:
    """Return the n-grams of a sequence in their order; none if it is shorter. Raises UserError for n below 1."""
    if n < 1:
        raise UserError(f"ngrams: n is {n}; expected at least 1")
    return list(zip(*(tokens[start:] for start in range(n)), strict=False))
