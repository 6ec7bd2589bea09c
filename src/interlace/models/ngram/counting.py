"""Counting of n-grams by sorting: every n-gram is (index of its context, last word), packed in one 64-bit key.

Memory in addition to the result: 13 bytes per token of the stream (codes 4, depth 1, n-gram index of the order below
and of this order 4 each), about 56 bytes per token of one chunk, and 24 bytes per distinct n-gram of each chunk of the
order being counted. The result takes 21 bytes per distinct n-gram. Only one chunk is sorted at a time, so the working
memory of a large corpus is that of its distinct n-grams.
"""

from dataclasses import dataclass

import numpy as np

from interlace.models.ngram.stream import TokenStream


@dataclass(frozen=True)
class OrderCounts:
    """The distinct n-grams of one order, sorted by context and then by last word.

    keys: (U,) int64, `context * base + word`, where context is the index of the first n - 1 words one order below.
    counts: (U,) int64, occurrences of each.
    suffixes: (U,) int32 or int64, the index of the last n - 1 words one order below.
    starts: (U,) bool, True if the first word is `<s>`.
    Order 1 has every code from 0 to base - 1, also those not seen; its suffixes are all 0 (the empty n-gram).
    """

    keys: np.ndarray
    counts: np.ndarray
    suffixes: np.ndarray
    starts: np.ndarray


def count_ngrams(stream: TokenStream, order: int, base: int, chunk_tokens: int) -> list[OrderCounts]:
    """Return the raw counts of orders 1 to `order`; no n-gram crosses the `<s>` of its document.

    base: the number of codes, `<s>` (the largest) included. chunk_tokens: number of positions sorted at a time.
    """
    index_type = np.int32 if len(stream.codes) < 2**31 else np.int64
    unigrams = OrderCounts(
        keys=np.arange(base, dtype=np.int64),
        counts=np.bincount(stream.codes, minlength=base),
        suffixes=np.zeros(base, dtype=index_type),
        starts=np.arange(base) == base - 1,
    )
    orders, ends = [unigrams], stream.codes.astype(index_type, copy=False)
    for n in range(2, order + 1):
        counted, ends = _count_order(stream, ends, orders[-1], n, base, chunk_tokens)
        orders.append(counted)
    return orders


@dataclass(frozen=True)
class _Chunk:
    positions: slice
    keys: np.ndarray
    counts: np.ndarray
    suffixes: np.ndarray


def _count_order(
    stream: TokenStream, below: np.ndarray, contexts: OrderCounts, n: int, base: int, chunk_tokens: int
) -> tuple[OrderCounts, np.ndarray]:
    """Return the counts of order n, and for each position the index of the n-gram that ends there (-1: none).

    below: these indices for order n - 1.
    """
    ends = np.full(len(below), -1, dtype=below.dtype)
    chunks = [
        _count_chunk(stream, below, ends, n, base, slice(first, first + chunk_tokens))
        for first in range(0, len(below), chunk_tokens)
    ]
    if len(chunks) == 1:
        keys, counts, suffixes = chunks[0].keys, chunks[0].counts, chunks[0].suffixes
    else:
        keys = np.concatenate([chunk.keys for chunk in chunks])
        keys.sort()  # np.unique hashes, which is five times slower for ten million keys
        keys = keys[_is_new(keys)]
        counts, suffixes = np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=below.dtype)
        for chunk in chunks:
            index = np.searchsorted(keys, chunk.keys)
            counts[index] += chunk.counts
            suffixes[index] = chunk.suffixes
            local = ends[chunk.positions]
            local[local >= 0] = index[local[local >= 0]]
    return OrderCounts(keys, counts, suffixes, contexts.starts[keys // base]), ends


def _count_chunk(
    stream: TokenStream, below: np.ndarray, ends: np.ndarray, n: int, base: int, positions: slice
) -> _Chunk:
    """Sort the n-grams that end in one chunk and write their ranks within the chunk to `ends`."""
    at = np.flatnonzero(stream.depth[positions] >= n - 1) + positions.start
    keys = below[at - 1].astype(np.int64)
    keys *= base
    keys += stream.codes[at]
    by_key = np.argsort(keys)
    keys, at = keys[by_key], at[by_key]
    del by_key
    new = _is_new(keys)
    ends[at] = np.cumsum(new, dtype=ends.dtype) - 1
    first = np.flatnonzero(new)
    counts = np.diff(first, append=len(keys))
    return _Chunk(positions, keys[first], counts, below[at[first]])


def _is_new(keys: np.ndarray) -> np.ndarray:
    """Return a mask (M,) of the first of each run of equal keys."""
    new = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return new


def adjusted_counts(orders: list[OrderCounts]) -> list[np.ndarray]:
    """Return the adjusted counts of Kneser-Ney smoothing, (U,) int64 for each order.

    Raw counts for the highest order and for n-grams that start with `<s>` (which have no left context), else the number
    of distinct words to the left (Heafield et al. 2013, section 3.2). `<s>` itself is never predicted: 0.
    """
    adjusted = []
    for counted, above in zip(orders, [*orders[1:], None], strict=True):
        if above is None:
            values = counted.counts.copy()
        else:
            values = np.bincount(above.suffixes, minlength=len(counted.keys))
            values[counted.starts] = counted.counts[counted.starts]
        adjusted.append(values)
    adjusted[0][-1] = 0
    return adjusted
