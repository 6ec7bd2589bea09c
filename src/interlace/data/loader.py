"""Ready-made batches in an order that is a pure function of (seed, epoch)."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from interlace.data.split import Split
from interlace.errors import UserError


class BatchLoader:
    """A sized iterable of batches of a split.

    `batch_size` is per rank: a global batch is `batch_size * world_size` consecutive rows of the epoch's order, of
    which each rank takes a consecutive share, so that two ranks see in one step what one rank sees with twice the
    batch. Every rank has the same number of batches, and every row comes once an epoch over all ranks. A last,
    smaller global batch is kept unless `drop_last`; if it has fewer rows than there are ranks, they join the batch
    before it. Setting `start_batch` skips that many batches at the next iteration only, which makes a resumed
    epoch the exact tail of the interrupted one.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int,
        drop_last: bool,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if batch_size < 1:
            raise UserError(f"data.batch_size: got {batch_size}; expected at least 1")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} is not one of {world_size}")
        if 0 < len(split) < world_size:
            raise UserError(
                f"data: {len(split)} examples cannot be shared by {world_size} processes; use fewer devices"
            )
        self.split = split
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.start_batch = 0
        self._bounds = _bounds(len(split), batch_size * world_size, world_size, drop_last)

    def __len__(self) -> int:
        return len(self._bounds)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next iteration."""
        self.epoch = epoch

    def order(self) -> np.ndarray:
        """Rows of the split in the order of this epoch, over all ranks."""
        if not self.shuffle:
            return np.arange(len(self.split))
        return np.random.Generator(np.random.PCG64([self.seed, self.epoch])).permutation(len(self.split))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        # A generator: nothing is taken from `start_batch` by an iterator that is made and dropped, as trainers do.
        start, self.start_batch = self.start_batch, 0
        order = self.order()
        for first, last in self._bounds[start:]:
            size, extra = divmod(last - first, self.world_size)
            begin = first + self.rank * size + min(self.rank, extra)
            yield self.split.batch(order[begin : begin + size + (self.rank < extra)])


def _bounds(rows: int, step: int, world_size: int, drop_last: bool) -> list[tuple[int, int]]:
    """First and last row of every global batch."""
    edges = [*range(0, rows - rows % step + 1, step)]
    if rows % step and not drop_last:
        if rows % step < world_size:
            edges[-1] = rows
        else:
            edges.append(rows)
    return list(pairwise(edges))
