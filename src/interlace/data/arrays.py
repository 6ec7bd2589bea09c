"""One modality of many examples as arrays, and how it becomes a batch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from interlace.tokens import Raw


class RawArray(NamedTuple):
    """A modality of N examples: x (N, ...) as in `Raw`, length (N,) int64, present (N,) bool; often memory-mapped."""

    x: np.ndarray
    length: np.ndarray
    present: np.ndarray

    def rows(self, start: int, stop: int) -> "RawArray":
        """Consecutive examples, without a copy."""
        return RawArray(self.x[start:stop], self.length[start:stop], self.present[start:stop])

    def gather(self, indices: np.ndarray, *, trim: bool) -> Raw:
        """The rows `indices` as tensors; `trim` cuts the sequence axis at the longest example (at least 1 item)."""
        length = self.length[indices]
        longest = max(1, int(length.max(initial=0))) if trim else 0
        # np.take is the faster of the two, but would copy the whole of an array that is cut.
        whole_rows = not trim or longest >= self.x.shape[1]
        x = np.take(self.x, indices, axis=0) if whole_rows else self.x[indices, :longest]
        present = self.present[indices]
        if not present.all():  # what is hidden from the model (`interlace.data.missing`) still lies in the array
            x[~present] = 0
        return Raw(torch.from_numpy(x), torch.from_numpy(length), torch.from_numpy(present))


def whole(x: np.ndarray, length: int = 1) -> RawArray:
    """An array of which every example is present and equally long."""
    return RawArray(x, np.full(len(x), length, dtype=np.int64), np.ones(len(x), dtype=bool))


def as_strings(values: Sequence[object]) -> np.ndarray:
    """Group values as an array of str objects."""
    array = np.empty(len(values), dtype=object)
    array[:] = [str(value) for value in values]
    return array
