"""The discounts of modified Kneser-Ney smoothing (Chen and Goodman 1998, equation 26), order by order."""

import warnings

import numpy as np

from interlace.errors import UserError
from interlace.models.ngram.counting import OrderCounts
from interlace.models.ngram.stream import TokenStream

BLOCK = 2**20


class DiscountWarning(UserWarning):
    """The closed form gave no usable discounts; the fallback was taken. Artificial or `<unk>`ed text does this."""


def counts_of_counts(
    orders: list[OrderCounts], adjusted: list[np.ndarray], stream: TokenStream, unknown: int | None
) -> list[np.ndarray]:
    """For each order (5,): how many n-grams have the adjusted count 0 (unused), 1, 2, 3, 4, as lmplz counts them.

    lmplz enters the n-gram that comes last in its sorted stream with its raw instead of its adjusted count, for each
    order but the highest (`AdjustCounts::Run`, last loop). One n-gram moves a discount of a small corpus by more than
    1e-4, so it is done here as well.
    """
    tables = [np.bincount(np.minimum(values, 5), minlength=6) for values in adjusted]
    words, depth = _last_ngram(stream, len(orders), base=len(orders[0].keys), unknown=unknown)
    for n in range(1, min(len(orders) - 1, depth + 1) + 1):
        index = _index_of(orders, words[-n:])
        tables[n - 1][min(adjusted[n - 1][index], 5)] -= 1
        tables[n - 1][min(orders[n - 1].counts[index], 5)] += 1
    return [table[:5] for table in tables]


def _last_ngram(stream: TokenStream, order: int, base: int, unknown: int | None) -> tuple[list[int], int]:
    """The words of the n-gram that lmplz meets last, and the depth of its last word within its document.

    lmplz numbers words by first occurrence (after `<unk>`, `<s>`, `</s>`) and compares n-grams from the last word back.
    """
    start, end = base - 1, int(stream.codes[-1])
    rank = np.full(base, -4, dtype=np.int64)
    for first in reversed(range(0, len(stream.codes), BLOCK)):
        block = stream.codes[first : first + BLOCK][::-1]
        rank[block] = np.arange(first + len(block) - 1, first - 1, -1)  # of equal indices the last assignment stays
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
    """(4,) float64: what is taken off the adjusted counts 0, 1, 2, and 3 or more.

    counts: (5,) from `counts_of_counts`. Where the closed form fails, the fallback with a DiscountWarning; with no
    fallback, UserError.
    """
    discounts, reason = _closed_form(counts)
    if reason is None:
        return discounts
    if fallback is None:
        raise UserError(
            f"{order}-grams: no Kneser-Ney discounts, as {reason}; the text is too small, repeated or has its rare "
            "words replaced: remove duplicates, or set discount_fallback to [0.5, 1.0, 1.5]"
        )
    warnings.warn(
        f"{order}-grams: no Kneser-Ney discounts, as {reason}; the fallback {list(fallback)} is used. "
        "Is the text small, repeated, or has it its rare words replaced by <unk>?",
        DiscountWarning,
        stacklevel=2,
    )
    return np.array([0.0, *fallback])


def _closed_form(counts: np.ndarray) -> tuple[np.ndarray, str | None]:
    """Y = n1 / (n1 + 2 n2), D_j = j - (j + 1) Y n_(j+1) / n_j; or the reason why it cannot be used.

    In float32 as in lmplz, so that a discount on the edge of its range is judged alike.
    """
    discounts = np.zeros(4, dtype=np.float32)
    for j in (1, 2, 3):
        if counts[j] == 0:
            return discounts, f"none has the adjusted count {j}"
    n = counts.astype(np.float32)
    y = n[1] / np.float32(counts[1] + 2.0 * counts[2])
    for j in (1, 2, 3):
        discounts[j] = np.float32(j) - np.float32(j + 1) * y * n[j + 1] / n[j]
        if not 0 <= discounts[j] <= j:
            return discounts, f"the discount of count {j} is {discounts[j]:.4g}, outside [0, {j}]"
    return discounts.astype(np.float64), None
