"""Backoff model as sorted arrays with vectorised look-up."""

from dataclasses import dataclass

import numpy as np

from interlace.models.ngram.stream import TokenStream

BLOCK = 2**20


@dataclass(frozen=True)
class BackoffTables:
    """Keys, probabilities and backoffs of orders 1 to n.

    base: the number of word codes; the largest, base - 1, is `<s>`.
    keys: for each order (U,) int64 sorted, `context * base + word`, context an index one order below; of order 1
        all codes, so that the index of a word is its code.
    log10_probs: for each order (U,) float32. log10_backoffs: for each order but the highest (U,) float32.
    They take 16 bytes per n-gram, 12 in the highest order.
    """

    base: int
    keys: list[np.ndarray]
    log10_probs: list[np.ndarray]
    log10_backoffs: list[np.ndarray]

    @property
    def order(self) -> int:
        """Length of the longest n-gram."""
        return len(self.keys)

    def find(self, n: int, contexts: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Return the indices of the n-grams (contexts, words), (M,) each; -1 if absent or if the context is -1."""
        table = self.keys[n - 1]
        if len(table) == 0:
            return np.full(len(contexts), -1, dtype=np.int64)
        wanted = contexts.astype(np.int64) * self.base + words
        index = np.searchsorted(table, wanted)
        np.minimum(index, len(table) - 1, out=index)
        return np.where((contexts >= 0) & (table[index] == wanted), index, -1)

    def score(self, stream: TokenStream) -> np.ndarray:
        """Return log10 p of every position given the preceding words of its document, (M,) float64; 0 at each `<s>`.

        p is that of the longest n-gram in the table, times the backoffs of all longer contexts in the table. The memory
        in addition to the result is about 70 bytes per position of one block.
        """
        result = np.empty(len(stream.codes))
        for first in range(0, len(result), BLOCK):
            before = min(first, self.order - 1)  # number of earlier positions that the block needs
            seen = slice(first - before, first + BLOCK)
            depth = stream.depth[seen].copy()
            depth[: before + 1] = np.minimum(depth[: before + 1], np.arange(before + 1))
            result[first : first + BLOCK] = self._score_block(stream.codes[seen].astype(np.int64), depth)[before:]
        result[stream.depth == 0] = 0.0
        return result

    def score_last(self, ngrams: np.ndarray) -> np.ndarray:
        """Return log10 p of the last word of each row given those before it, (M,) float64; ngrams (M, k) codes, k >= 2.

        A row near the beginning of a document is filled up with `<s>` on the left.
        """
        rows, length = ngrams.shape
        depth = np.tile(np.arange(length), rows)
        return self._score_block(ngrams.astype(np.int64).reshape(-1), depth).reshape(rows, length)[:, -1]

    def _score_block(self, codes: np.ndarray, depth: np.ndarray) -> np.ndarray:
        result = self.log10_probs[0][codes].astype(np.float64)
        matched = codes
        for n in range(2, self.order + 1):
            at = np.flatnonzero(depth >= n - 1)
            contexts = matched[at - 1]
            found = self.find(n, contexts, codes[at])
            hit, missed = found >= 0, (found < 0) & (contexts >= 0)
            result[at[hit]] = self.log10_probs[n - 1][found[hit]]
            result[at[missed]] += self.log10_backoffs[n - 2][contexts[missed]]
            matched = np.full(len(codes), -1, dtype=np.int64)
            matched[at] = found
        return result

    def next_distribution(self, context: list[int]) -> np.ndarray:
        """Return p of every code after `context` (codes, oldest first), (base,) float64; 0 for `<s>`."""
        probs = 10.0 ** self.log10_probs[0].astype(np.float64)
        probs[-1] = 0.0
        for n in range(2, self.order + 1):
            if len(context) < n - 1:
                break
            index = self._index_of(context[len(context) - n + 1 :])
            if index < 0:
                break  # then no longer context is in the table
            probs *= 10.0 ** float(self.log10_backoffs[n - 2][index])
            table = self.keys[n - 1]
            first, last = np.searchsorted(table, [index * self.base, (index + 1) * self.base])
            probs[table[first:last] - index * self.base] = 10.0 ** self.log10_probs[n - 1][first:last].astype(
                np.float64
            )
        return probs

    def _index_of(self, words: list[int]) -> int:
        index = words[0]
        for n, word in enumerate(words[1:], start=2):
            wanted, table = index * self.base + word, self.keys[n - 1]
            index = int(np.searchsorted(table, wanted))
            if index == len(table) or table[index] != wanted:
                return -1
        return index

    def words(self, n: int, rows: np.ndarray) -> np.ndarray:
        """Return the words of the n-grams `rows` (M,) of order n, (M, n) int64 codes."""
        index = rows
        columns = []
        for table in reversed(self.keys[1:n]):
            index, last = np.divmod(table[index], self.base)
            columns.append(last)
        return np.stack([index, *reversed(columns)], axis=1)
