"""Ready-made batches in an order that is a pure function of (seed, epoch)."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from interlace.errors import UserError


class Indexable(Protocol):
    """What a loader reads: examples by row.

    May also have an `order(batch_size, seed=, epoch=)` of its own, such as one that puts texts of like length
    together, `set_epoch(epoch)`, called before the first batch of each pass (for masks or augmentation that are a
    function of epoch and row), and `num_targets(rows) -> int`, the terms of the loss that these rows hold, counted
    without making their batch.
    """

    def __len__(self) -> int: ...
    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """Rows `indices` as tensors."""


class BatchLoader:
    """A sized iterable of batches of a split.

    `batch_size` is per rank: a global batch is `batch_size * world_size` consecutive rows of the pass's order, of
    which each rank takes a consecutive share, so that two ranks see in one step what one rank sees with twice the
    batch. Every rank has the same number of batches, and every row comes once a pass over all ranks. A last,
    smaller global batch is kept unless `drop_last`; if it has fewer rows than there are ranks, they join the batch
    before it, and after `no_batch_of_one` so does a single row. Setting `start_batch` skips that many batches at the
    next iteration only, which makes a resumed epoch the exact tail of the interrupted one.

    With `classes` (N,), the class id of each row, a shuffled pass is as long as ever and draws each class as often as
    any other (`balanced_order`): a row of a rare class comes several times, and not every row comes.

    An epoch is a pass over the rows, or `batches_per_epoch` batches of an endless sequence of passes, of which the
    trainer takes the first `limit_batches`. A group is what leads to one update: `accumulate` batches, or those left
    at the epoch's end, of all ranks. Where the split tells `num_targets`, each batch carries `group_targets`, their
    number over its group, by which a loss summed over targets is divided to be exact. Where a group is more than one
    batch of one rank, each carries `share`: its rows times `world_size * accumulate` over its group's rows. A loss
    averaged over rows is multiplied by it, so that its mean over ranks and `accumulate` batches, which the trainer
    takes, is the mean over the group's rows.
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
        """Chooses the order of the next iteration."""
        self.epoch = epoch

    def no_batch_of_one(self) -> None:
        """Lets a last global batch of one row join the batch before it, for models whose layers take their statistics
        from the batch. Called before the first iteration; UserError where every batch has one row."""
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
        """Rows of the split in the order of pass `number`, over all ranks; by default the pass of this epoch."""
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
        # A generator: nothing is taken from `start_batch` by an iterator that is made and dropped, as trainers do.
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
        """The batches of the epoch that lead to one update together with batch `index`."""
        limit = min(self.limit_batches or len(self), len(self))
        end = limit if index < limit else len(self)  # trainers may look ahead
        first = index // self.accumulate * self.accumulate
        return range(first, min(first + self.accumulate, end))

    def _rows(self, index: int) -> np.ndarray:
        """Rows of the global batch `index` of this epoch."""
        number = self.epoch * len(self) + index
        which, place = divmod(number, len(self._bounds))
        if self._pass is None or self._pass[0] != which:
            self._pass = (which, self.order(which))
            set_epoch = getattr(self.split, "set_epoch", None)
            if set_epoch is not None:
                set_epoch(which)
        first, last = self._bounds[place]
        return self._pass[1][first:last]

    def _num_rows(self, group: range) -> int:
        """Rows of a group over all ranks."""
        places = [(self.epoch * len(self) + index) % len(self._bounds) for index in group]
        return sum(last - first for first, last in (self._bounds[place] for place in places))

    def _num_targets(self, group: range) -> Any:
        """Terms of the loss of a group over all ranks; None where the split does not tell, or its batch is all."""
        count = getattr(self.split, "num_targets", None)
        if count is None or self.world_size * self.accumulate == 1:
            return None
        return sum(count(self._rows(index)) for index in group)

    def _weighted(self, batch: dict[str, Any], num_rows: int, group_rows: int, group_targets: Any) -> dict[str, Any]:
        """A batch of `num_rows` rows with what it weighs in its group."""
        parts = self.world_size * self.accumulate
        if parts > 1:
            batch = {**batch, "share": num_rows * parts / group_rows}
        if "num_targets" in batch:
            batch = {**batch, "group_targets": batch["num_targets"] if group_targets is None else group_targets}
        return batch


def balanced_order(classes: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
    """N rows of N, each class that occurs among `classes` (N,) as often as any other, to within one: a function of
    (seed, epoch) and the classes.

    The rows of a class are taken in one random order after another, so that their counts differ by one at most; which
    classes have one row more is drawn as well.
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
    """First and last row of every global batch."""
    edges = [*range(0, rows - rows % step + 1, step)]
    if rows % step and not drop_last:
        if rows % step < world_size:
            edges[-1] = rows
        else:
            edges.append(rows)
    return list(pairwise(edges))
