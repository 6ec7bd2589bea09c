"""Discounts of modified Kneser-Ney smoothing (Chen and Goodman 1998, equation 26), one set per order."""

import warnings

import numpy as np

from interlace.errors import UserError
from interlace.models.ngram.counting import OrderCounts
from interlace.models.ngram.stream import TokenStream

BLOCK = 2**20


class DiscountWarning(UserWarning):
    """Warning that the closed form gave no usable discounts and the fallback is used, as with artificial text."""


def counts_of_counts(
    orders: list[OrderCounts], adjusted: list[np.ndarray], stream: TokenStream, unknown: int | None
) -> list[np.ndarray]:
    """Return for each order (5,) the numbers of n-grams with adjusted count 0 (unused), 1, 2, 3, 4, as lmplz does.

    lmplz uses the raw instead of the adjusted count for the last n-gram of its sorted stream, for each order but the
    highest (`AdjustCounts::Run`, last loop). One n-gram changes a discount of a small corpus by more than 1e-4, so this
    is reproduced here.
    """
    tables = [np.bincount(np.minimum(values, 5), minlength=6) for values in adjusted]
    words, depth = _last_ngram(stream, len(orders), base=len(orders[0].keys), unknown=unknown)
    for n in range(1, min(len(orders) - 1, depth + 1) + 1):
        index = _index_of(orders, words[-n:])
        tables[n - 1][min(adjusted[n - 1][index], 5)] -= 1
        tables[n - 1][min(orders[n - 1].counts[index], 5)] += 1
    return [table[:5] for table in tables]


def _last_ngram(stream: TokenStream, order: int, base: int, unknown: int | None) -> tuple[list[int], int]:
    """Return the words of the last n-gram in the order of lmplz and the depth of its last word within its document.

    lmplz numbers words by first occurrence (after `<unk>`, `<s>`, `</s>`) and compares n-grams from the last word back.
    """
    start, end = base - 1, int(stream.codes[-1])
    rank = np.full(base, -4, dtype=np.int64)
    for first in reversed(range(0, len(stream.codes), BLOCK)):
        block = stream.codes[first : first + BLOCK][::-1]
        rank[block] = np.arange(first + len(block) - 1, first - 1, -1)  # for equal indices the last assignment wins
    rank[[start, end]] = -2, -1
    if unknown is not None:
        rank[unknown] = -3
    at = np.flatnonzero(stream.codes == int(rank.argmax()))
    for distance in range(1, order):
        inside = stream.depth[at] >= distance
        ranks = np.where(inside, rank[stream.codes[np.maximum(at - distance, 0)]], rank[start])
        at = at[ranks == ranks.max()]
    position, depth = int(at[0]), int(stream.depth[at[0]])
    return stream.codes[position - min(depth, order - 1) : position + 1].tolist(), depth


def _index_of(orders: list[OrderCounts], words: list[int]) -> int:
    index = 0
    for counted, word in zip(orders, words, strict=False):
        index = int(np.searchsorted(counted.keys, index * len(orders[0].keys) + word))
    return index


def choose_discounts(counts: np.ndarray, order: int, fallback: tuple[float, float, float] | None) -> np.ndarray:
    """Return the discounts (4,) float64 of the adjusted counts 0, 1, 2, and 3 or more.

    counts: (5,) from `counts_of_counts`. If the closed form fails, the fallback is used with a DiscountWarning; without
    a fallback a UserError is raised.
    """
    discounts, reason = _closed_form(counts)
    if reason is None:
        return discounts
    if fallback is None:
        raise UserError(
            f"{order}-grams: no Kneser-Ney discounts, as {reason}; the text is too small, has repetitions or its rare "
            "words were replaced: remove duplicates, or set discount_fallback to [0.5, 1.0, 1.5]"
        )
    warnings.warn(
        f"{order}-grams: no Kneser-Ney discounts, as {reason}; the fallback {list(fallback)} is used. "
        "Possible causes: a small text, repetitions, or rare words replaced by <unk>",
        DiscountWarning,
        stacklevel=2,
    )
    return np.array([0.0, *fallback])


def _closed_form(counts: np.ndarray) -> tuple[np.ndarray, str | None]:
    """Return D_j = j - (j + 1) Y n_(j+1) / n_j with Y = n1 / (n1 + 2 n2), and the reason if it cannot be used.

    It computes in float32 as lmplz, so that a discount at the limit of its range is accepted or rejected alike.
    """
    discounts = np.zeros(4, dtype=np.float32)
    for j in (1, 2, 3):
        if counts[j] == 0:
            return discounts, f"no n-gram has the adjusted count {j}"
    n = counts.astype(np.float32)
    y = n[1] / np.float32(counts[1] + 2.0 * counts[2])
    for j in (1, 2, 3):
        discounts[j] = np.float32(j) - np.float32(j + 1) * y * n[j + 1] / n[j]
        if not 0 <= discounts[j] <= j:
            return discounts, f"the discount of count {j} is {discounts[j]:.4g}, outside [0, {j}]"
    return discounts.astype(np.float64), None
