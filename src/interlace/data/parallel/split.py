"""One split of parallel text."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from interlace.data.bucketing import bucketed_order
from interlace.data.text_pairs import Pairs


class Ragged:
    """Sequences of ids of different lengths in one array: values (sum of lengths,) uint32, ends (N,) int64."""

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        lengths = np.fromiter((len(ids) for ids in sequences), dtype=np.int64, count=len(sequences))
        self.ends = np.cumsum(lengths)
        self.lengths = lengths
        flat = (i for ids in sequences for i in ids)
        self.values = np.fromiter(flat, dtype=np.uint32, count=int(lengths.sum()))

    def __len__(self) -> int:
        return len(self.ends)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Ragged) and np.array_equal(self.lengths, other.lengths)
        return same and np.array_equal(self.values, other.values)  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, index: int) -> np.ndarray:
        """The ids (L,) int64 of a row."""
        end = int(self.ends[index])
        return self.values[end - int(self.lengths[index]) : end].astype(np.int64)

    def padded(self, indices: np.ndarray, pad_id: int) -> tuple[Tensor, Tensor]:
        """Rows as (B, longest) int64, padded at the end, and their lengths (B,)."""
        lengths = self.lengths[indices]
        x = np.full((len(indices), max(1, int(lengths.max(initial=0)))), pad_id, dtype=np.int64)
        for row, index in enumerate(indices):
            x[row, : lengths[row]] = self[int(index)]
        return torch.from_numpy(x), torch.from_numpy(lengths)


class ParallelSplit:
    """Pairs as texts (`pairs`, on which metrics are measured) and as ids, each side with its end token.

    The ids may include a task prefix and may be cut; the texts have no prefix and are never cut. Without a tokenizer
    there are no ids (`Ragged` of no sequences).
    """

    def __init__(
        self, pairs: Pairs, source_ids: Ragged, target_ids: Ragged, *, pad_id: int = 0, bucket: bool = False
    ) -> None:
        self.pairs = pairs
        self.source_ids = source_ids
        self.target_ids = target_ids
        self.pad_id = pad_id
        self.bucket = bucket

    @property
    def sources(self) -> Sequence[str]:
        """Source texts (N,)."""
        return self.pairs.sources

    @property
    def targets(self) -> list[str]:
        """The texts (N,) that are learned: the first reference of each."""
        return self.pairs.targets

    def __len__(self) -> int:
        return len(self.pairs)

    def rows(self, indices: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Source ids (B, S), source lengths (B,), target ids (B, T), target lengths (B,); int64, padded at the end."""
        indices = np.asarray(indices, dtype=np.int64)
        return (*self.source_ids.padded(indices, self.pad_id), *self.target_ids.padded(indices, self.pad_id))

    def sequences(self, indices: Sequence[int] | np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Source and target ids of rows without padding."""
        return [self.source_ids[int(i)] for i in indices], [self.target_ids[int(i)] for i in indices]

    def num_targets(self, indices: Sequence[int] | np.ndarray) -> int:
        """The number of target tokens of rows, end tokens included."""
        return int(self.target_ids.lengths[np.asarray(indices, dtype=np.int64)].sum())

    def order(self, batch_size: int, *, seed: int, epoch: int) -> np.ndarray:
        """The order (N,) of the rows in an epoch: bucketed by length if `bucket` is set, else shuffled."""
        if not self.bucket:
            return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(len(self))
        # Both sides are padded: sort by the longer side, then by the other.
        longer = np.maximum(self.source_ids.lengths, self.target_ids.lengths)
        lengths = longer * (1 + int(longer.max(initial=0))) + self.source_ids.lengths
        return bucketed_order(lengths, batch_size, seed=seed, epoch=epoch)
