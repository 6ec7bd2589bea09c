"""Batches in an order that is a pure function of (seed, epoch)."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from interlace.errors import UserError


class Indexable(Protocol):
    """A source of examples by row.

    Optional methods: `order(batch_size, seed=, epoch=)`, an order of its own (such as one that puts texts of similar
    length together); `set_epoch(epoch)`, called before the first batch of each pass (for masks or augmentation that are
    functions of epoch and row); and `num_targets(rows) -> int`, the number of terms of the loss that these rows have,
    counted without building their batch.
    """

    def __len__(self) -> int: ...
    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """Returns the rows `indices` as tensors."""


class BatchLoader:
    """A sized iterable of batches of a split.

    `batch_size` is per rank: a global batch is `batch_size * world_size` consecutive rows of the pass's order, and each
    rank takes a consecutive part of it, so that two ranks together see in one step the rows that one rank sees with
    twice the batch size. Every rank has the same number of batches, and in one pass over all ranks every row occurs
    once. A smaller last global batch is kept unless `drop_last`. If it has fewer rows than there are ranks, its rows
    are added to the batch before it; after `no_batch_of_one` this also holds for a single row. Setting `start_batch`
    skips that many batches in the next iteration only, so that a resumed epoch is the exact rest of the interrupted
    one.

    With `classes` (N,), the class id of each row, a shuffled pass has the same length but draws all classes equally
    often (`balanced_order`): rows of a rare class occur several times, and some other rows do not occur.

    An epoch is a pass over the rows, or `batches_per_epoch` batches of an endless sequence of passes, of which the
    trainer uses the first `limit_batches`. A group is the batches of one update: `accumulate` batches, or the rest at
    the end of the epoch, of all ranks. If the split has `num_targets`, each batch carries `group_targets`, the number
    of targets in its group, by which a loss summed over targets is divided to be exact. If a group is more than one
    batch of one rank, each batch carries `share`: its rows times `world_size * accumulate`, divided by the rows of its
    group. A loss averaged over rows is multiplied by it, so that the mean over ranks and `accumulate` batches, which
    the trainer takes, is the mean over the rows of the group.
    """

    def __init__(
        self,
        split: Indexable,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int,
        drop_last: bool,
        rank: int = 0,
        world_size: int = 1,
        batches_per_epoch: int | None = None,
        accumulate: int = 1,
        limit_batches: int | None = None,
        classes: np.ndarray | None = None,
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
        self.batches_per_epoch = batches_per_epoch
        self.accumulate = accumulate
        self.limit_batches = limit_batches
        self.classes = classes
        self.epoch = 0
        self.start_batch = 0
        self._bounds = _bounds(len(split), batch_size * world_size, world_size, drop_last)
        self._pass: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return self.batches_per_epoch if self.batches_per_epoch and self._bounds else len(self._bounds)

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, which determines the order of the next iteration."""
        self.epoch = epoch

    def no_batch_of_one(self) -> None:
        """Adds a last global batch of one row to the batch before it, for models with batch statistics (BatchNorm).

        Called before the first iteration. Raises UserError if every batch has one row.
        """
        step = self.batch_size * self.world_size
        if step == 1 or len(self.split) == 1:
            what = "data.batch_size: got 1" if step == 1 else "data: the training split has one example"
            raise UserError(
                f"{what}, and this model has BatchNorm, which learns nothing from one example at a time; "
                "give batches of two examples or more, or train without it (finetuning=frozen_encoders)"
            )
        first, last = self._bounds[-1]
        if last - first == 1:
            self._bounds[-2:] = [(self._bounds[-2][0], last)]

    def order(self, number: int | None = None) -> np.ndarray:
        """Rows of the split in the order of pass `number`, over all ranks; by default the pass of the current epoch."""
        number = self.epoch if number is None else number
        if not self.shuffle:
            return np.arange(len(self.split))
        if self.classes is not None:
            return balanced_order(self.classes, seed=self.seed, epoch=number)
        order = getattr(self.split, "order", None)
        if order is not None:
            found: np.ndarray = order(self.batch_size * self.world_size, seed=self.seed, epoch=number)
            return found
        return np.random.Generator(np.random.PCG64([self.seed, number])).permutation(len(self.split))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        # As this is a generator, an iterator that is created and dropped unused, as by trainers, keeps `start_batch`.
        start, self.start_batch = self.start_batch, 0
        self._pass = None
        group, weights = range(0), (0, None)
        for index in range(start, len(self)):
            if index not in group:
                group = self._group(index)
                weights = (self._num_rows(group), self._num_targets(group))
            rows = self._rows(index)
            size, extra = divmod(len(rows), self.world_size)
            begin = self.rank * size + min(self.rank, extra)
            own = rows[begin : begin + size + (self.rank < extra)]
            yield self._weighted(self.split.batch(own), len(own), *weights)

    def _group(self, index: int) -> range:
        """The batches of the epoch that contribute to the same update as batch `index`."""
        limit = min(self.limit_batches or len(self), len(self))
        end = limit if index < limit else len(self)  # trainers may prefetch beyond the limit
        first = index // self.accumulate * self.accumulate
        return range(first, min(first + self.accumulate, end))

    def _rows(self, index: int) -> np.ndarray:
        """Rows of the global batch `index` of this epoch."""
        number = self.epoch * len(self) + index
        which, position = divmod(number, len(self._bounds))
        if self._pass is None or self._pass[0] != which:
            self._pass = (which, self.order(which))
            set_epoch = getattr(self.split, "set_epoch", None)
            if set_epoch is not None:
                set_epoch(which)
        first, last = self._bounds[position]
        return self._pass[1][first:last]

    def _num_rows(self, group: range) -> int:
        """Rows of a group over all ranks."""
        positions = [(self.epoch * len(self) + index) % len(self._bounds) for index in group]
        return sum(last - first for first, last in (self._bounds[position] for position in positions))

    def _num_targets(self, group: range) -> Any:
        """The number of loss terms of a group over all ranks; None if unknown, or if the group is a single batch."""
        count = getattr(self.split, "num_targets", None)
        if count is None or self.world_size * self.accumulate == 1:
            return None
        return sum(count(self._rows(index)) for index in group)

    def _weighted(self, batch: dict[str, Any], num_rows: int, group_rows: int, group_targets: Any) -> dict[str, Any]:
        """A batch of `num_rows` rows with its weight in its group."""
        parts = self.world_size * self.accumulate
        if parts > 1:
            batch = {**batch, "share": num_rows * parts / group_rows}
        if "num_targets" in batch:
            batch = {**batch, "group_targets": batch["num_targets"] if group_targets is None else group_targets}
        return batch


def balanced_order(classes: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
    """N row indices in which all classes of `classes` (N,) occur equally often, to within one; a function of (seed,
    epoch) and the classes.

    The rows of a class are drawn as a sequence of random permutations, so that their counts differ by at most one; the
    classes that get one row more are drawn as well.
    """
    rng = np.random.Generator(np.random.PCG64([seed, epoch]))
    names = np.unique(classes)
    counts = np.full(len(names), len(classes) // len(names))
    counts[rng.permutation(len(names))[: len(classes) % len(names)]] += 1
    drawn = []
    for name, count in zip(names, counts, strict=True):
        rows = np.flatnonzero(classes == name)
        rounds = -(-count // len(rows))
        drawn.append(np.concatenate([rng.permutation(rows) for _ in range(rounds)] or [rows[:0]])[:count])
    return rng.permutation(np.concatenate(drawn))


def _bounds(rows: int, step: int, world_size: int, drop_last: bool) -> list[tuple[int, int]]:
    """The first row of every global batch and the row after its last."""
    edges = [*range(0, rows - rows % step + 1, step)]
    if rows % step and not drop_last:
        if rows % step < world_size:
            edges[-1] = rows
        else:
            edges.append(rows)
    return list(pairwise(edges))
