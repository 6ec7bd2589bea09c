"""Arrays of one modality of many examples, and their conversion to batches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from interlace.tokens import RawBatch, Tokens


class RawArray(NamedTuple):
    """A modality of N examples, often memory-mapped: x (N, ...) as in `RawBatch`, length (N,) int64, present (N,)."""

    x: np.ndarray
    length: np.ndarray
    present: np.ndarray

    @property
    def is_sequence(self) -> bool:
        """True if batches are cut at their longest example; images (N, C, H, W) have no sequence axis."""
        return self.x.ndim != 4

    def rows(self, start: int, stop: int) -> "RawArray":
        """Consecutive examples, without a copy."""
        return RawArray(self.x[start:stop], self.length[start:stop], self.present[start:stop])

    def gather(self, indices: np.ndarray, *, trim: bool) -> RawBatch:
        """The rows `indices` as tensors; `trim` cuts the sequence axis at the longest example (at least 1 item)."""
        length = self.length[indices]
        longest = max(1, int(length.max(initial=0))) if trim else 0
        # np.take is faster, but would copy whole rows where the sequence axis is cut.
        whole_rows = not trim or longest >= self.x.shape[1]
        x = np.take(self.x, indices, axis=0) if whole_rows else self.x[indices, :longest]
        present = self.present[indices]
        if not present.all():  # the array still holds values that `interlace.data.missing` hides from the model
            x[~present] = 0
        return RawBatch(torch.from_numpy(x), torch.from_numpy(length), torch.from_numpy(present))


class TokenArray(NamedTuple):
    """A modality of N examples encoded beforehand: x (N, T, D) and mask (N, T) as in `Tokens`.

    `is_sequence`: whether batches are cut after their last real token, as the encoder's output would be.
    """

    x: np.ndarray
    mask: np.ndarray
    is_sequence: bool

    @property
    def present(self) -> np.ndarray:
        """Mask (N,) bool of the examples that have a real token."""
        return np.asarray(self.mask.any(1))

    def gather(self, indices: np.ndarray, *, trim: bool) -> Tokens:
        """The rows `indices` as tensors."""
        mask = self.mask[indices]
        longest = max(1, int(np.flatnonzero(mask.any(0)).max(initial=-1)) + 1) if trim else mask.shape[1]
        if longest < mask.shape[1]:
            x, mask = self.x[indices, :longest], mask[:, :longest]
        else:
            x = np.take(self.x, indices, axis=0)
        real = torch.from_numpy(np.ascontiguousarray(mask))
        return Tokens(torch.from_numpy(x), real, real.any(1))


def full_array(x: np.ndarray, length: int = 1) -> RawArray:
    """A RawArray whose examples are all present and of the same length."""
    return RawArray(x, np.full(len(x), length, dtype=np.int64), np.ones(len(x), dtype=bool))


def as_strings(values: Sequence[object]) -> np.ndarray:
    """Group values as an array of str objects."""
    array = np.empty(len(values), dtype=object)
    array[:] = [str(value) for value in values]
    return array
