from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.arrays import full_array
from interlace.data.loader import BatchLoader
from interlace.data.split import Split
from interlace.errors import UserError


def split_of(rows: int) -> Split:
    x = np.arange(rows, dtype=np.float32).reshape(rows, 1, 1)
    return Split({"x": full_array(x)}, np.arange(rows), [str(i) for i in range(rows)])


def rows_of(loader: BatchLoader) -> list[list[int]]:
    return [batch["index"].tolist() for batch in loader]


def loader(split: Split, batch_size: int = 4, **options: object) -> BatchLoader:
    return BatchLoader(split, batch_size, **{"shuffle": True, "seed": 0, "drop_last": False, **options})


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(1, 60), size=st.integers(1, 9), ranks=st.integers(1, 4), epoch=st.integers(0, 3))
def test_every_row_comes_once_an_epoch_over_all_ranks(rows: int, size: int, ranks: int, epoch: int) -> None:
    if rows < ranks:
        with pytest.raises(UserError, match="fewer devices"):
            loader(split_of(rows), size, world_size=ranks)
        return
    parts = [loader(split_of(rows), size, rank=r, world_size=ranks) for r in range(ranks)]
    for part in parts:
        part.set_epoch(epoch)
    batches = [rows_of(part) for part in parts]
    assert sorted(i for part in batches for batch in part for i in batch) == list(range(rows))
    assert {len(part) for part in batches} == {len(parts[0])}, "ranks with unequal batches wait for ever"
    assert all(batch for part in batches for batch in part)


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(1, 50), size=st.integers(1, 9), start=st.integers(0, 60), epoch=st.integers(0, 3))
def test_resuming_gives_the_tail_once(rows: int, size: int, start: int, epoch: int) -> None:
    resumed, straight = loader(split_of(rows), size), loader(split_of(rows), size)
    resumed.set_epoch(epoch)
    straight.set_epoch(epoch)
    resumed.start_batch = start
    assert rows_of(resumed) == rows_of(straight)[start:]
    assert rows_of(resumed) == rows_of(straight), "start_batch is for one iteration only"


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    one, two = loader(split_of(100)), loader(split_of(100))
    rows_of(one)
    one.set_epoch(3)
    two.set_epoch(3)
    assert rows_of(one) == rows_of(two)
    two.set_epoch(4)
    assert rows_of(one) != rows_of(two)
    assert rows_of(loader(split_of(100), seed=1)) != rows_of(loader(split_of(100), seed=0))


def test_two_ranks_see_together_what_one_rank_sees_with_twice_the_batch() -> None:
    split = split_of(43)
    halves = [rows_of(loader(split, 4, rank=r, world_size=2)) for r in range(2)]
    assert [a + b for a, b in zip(*halves, strict=True)] == rows_of(loader(split, 8))


def test_the_last_batch_is_kept_or_dropped_as_asked() -> None:
    assert [len(b) for b in rows_of(loader(split_of(10), 4))] == [4, 4, 2]
    assert [len(b) for b in rows_of(loader(split_of(10), 4, drop_last=True))] == [4, 4]
    assert len(loader(split_of(10), 4)) == 3


def test_unshuffled_rows_come_in_their_order() -> None:
    assert rows_of(loader(split_of(5), 2, shuffle=False)) == [[0, 1], [2, 3], [4]]


def test_short_epochs_go_through_whole_passes() -> None:
    short = loader(split_of(10), 4, batches_per_epoch=2)
    rows = []
    for epoch in range(6):
        short.set_epoch(epoch)
        assert len(short) == 2
        rows += [i for batch in rows_of(short) for i in batch]
    passes = [rows[start : start + 10] for start in range(0, 40, 10)]
    assert all(sorted(part) == list(range(10)) for part in passes), "each pass gives every row once"
    assert passes[0] != passes[1]
    resumed = loader(split_of(10), 4, batches_per_epoch=2)
    resumed.set_epoch(2)
    resumed.start_batch = 1
    straight = loader(split_of(10), 4, batches_per_epoch=2)
    straight.set_epoch(2)
    assert rows_of(resumed) == rows_of(straight)[1:]


class Counted:
    """Rows with as many targets as their number and the epoch say."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.epoch = 0

    def __len__(self) -> int:
        return self.rows

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def num_targets(self, rows: np.ndarray) -> int:
        return int((rows + self.epoch).sum())

    def batch(self, indices: np.ndarray) -> dict[str, object]:
        return {"index": indices, "num_targets": self.num_targets(indices), "epoch": self.epoch}


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_targets_are_counted_over_ranks_and_accumulated_batches(ranks: int, accumulate: int) -> None:
    parts = [loader(Counted(22), 3, rank=r, world_size=ranks, accumulate=accumulate) for r in range(ranks)]
    for epoch in range(2):
        for part in parts:
            part.set_epoch(epoch)
        batches = [list(part) for part in parts]
        for start in range(0, len(parts[0]), accumulate):
            group = [batch for part in batches for batch in part[start : start + accumulate]]
            assert {b["group_targets"] for b in group} == {sum(b["num_targets"] for b in group)}
            assert {b["epoch"] for b in group} == {epoch}


@settings(max_examples=150, deadline=None)
@given(rows=st.integers(4, 40), size=st.integers(1, 4), ranks=st.integers(1, 3), accumulate=st.integers(1, 5),
       limit=st.none() | st.integers(1, 9), epoch=st.integers(0, 2), step=st.none() | st.integers(1, 3))  # fmt: skip
def test_shares_make_the_mean_over_ranks_and_batches_that_over_rows(
    rows: int, size: int, ranks: int, accumulate: int, limit: int | None, epoch: int, step: int | None
) -> None:
    options = {"accumulate": accumulate, "limit_batches": limit, "world_size": ranks}
    per_epoch = step * accumulate if step else None
    parts = [loader(split_of(rows), size, rank=r, batches_per_epoch=per_epoch, **options) for r in range(ranks)]
    for part in parts:
        part.set_epoch(epoch)
    batches = list(zip(*(list(part)[:limit] for part in parts), strict=True))  # as the trainer takes them
    for start in range(0, len(batches), accumulate):
        group = [batch for step in batches[start : start + accumulate] for batch in step]
        shares = [batch.get("share", 1.0) for batch in group]
        mean = sum(s * b["index"].double().mean().item() for s, b in zip(shares, group, strict=True))
        every = np.concatenate([batch["index"].numpy() for batch in group])
        assert mean / (ranks * accumulate) == pytest.approx(every.mean())


def test_targets_of_a_group_are_counted_once_and_up_to_the_limit() -> None:
    class Asked(Counted):
        asked = 0

        def num_targets(self, rows: np.ndarray) -> int:
            self.asked += 1
            return len(rows)

        def batch(self, indices: np.ndarray) -> dict[str, object]:
            return {"index": indices, "num_targets": len(indices)}

    split = Asked(40)
    batches = islice(loader(split, 2, accumulate=8, limit_batches=10), 10)
    assert [b["group_targets"] for b in batches] == [16] * 8 + [4] * 2
    assert split.asked == 10


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(2, 60), size=st.integers(2, 9), accumulate=st.integers(1, 4), epoch=st.integers(0, 2))
def test_no_batch_has_one_row_where_that_is_asked(rows: int, size: int, accumulate: int, epoch: int) -> None:
    """For layers that take their statistics from the batch: every row still comes once, with its exact share."""
    made = loader(split_of(rows), size, accumulate=accumulate)
    made.no_batch_of_one()
    made.set_epoch(epoch)
    batches = list(made)
    sizes = [len(batch["index"]) for batch in batches]
    assert len(batches) == len(made)
    assert min(sizes) > 1
    assert max(sizes) <= size + 1
    assert sorted(i for batch in batches for i in batch["index"].tolist()) == list(range(rows))
    if accumulate > 1:
        for first in range(0, len(batches), accumulate):
            group = batches[first : first + accumulate]
            total = sum(len(batch["index"]) for batch in group)
            for batch in group:
                assert batch["share"] == pytest.approx(len(batch["index"]) * accumulate / total)
    plain = loader(split_of(rows), size)
    assert rows % size == 1 or len(plain) == len(made), "nothing else changes"
    made.set_epoch(epoch)
    made.start_batch = 1
    assert rows_of(made) == [batch["index"].tolist() for batch in batches][1:]


@pytest.mark.parametrize(("rows", "size"), [(5, 1), (1, 4)])
def test_batches_of_one_row_alone_are_refused_where_they_teach_nothing(rows: int, size: int) -> None:
    with pytest.raises(UserError, match="BatchNorm"):
        loader(split_of(rows), size).no_batch_of_one()


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(0, 30), min_size=2, max_size=5).filter(lambda c: sum(map(bool, c)) > 1),
    size=st.integers(1, 9),
    ranks=st.sampled_from([1, 2]),
    epoch=st.integers(0, 3),
)
def test_balanced_sampling_draws_every_class_alike(counts: list[int], size: int, ranks: int, epoch: int) -> None:
    classes = np.repeat(np.arange(len(counts)), counts)
    split = split_of(len(classes))
    parts = [loader(split, size, rank=r, world_size=ranks, classes=classes) for r in range(ranks)]
    for part in parts:
        part.set_epoch(epoch)
    batches = [rows_of(part) for part in parts]
    drawn = [i for part in batches for batch in part for i in batch]
    assert len(drawn) == len(classes), "an epoch is as long as without"
    of_class = np.bincount(classes[drawn], minlength=len(counts))[np.array(counts) > 0]
    assert of_class.max() - of_class.min() <= 1
    for name in np.unique(classes):  # rows of a class differ by one at most: none is drawn three times before another
        times = np.bincount(drawn, minlength=len(classes))[classes == name]
        assert times.max() - times.min() <= 1
    resumed = loader(split, size, classes=classes)
    resumed.set_epoch(epoch)
    whole = rows_of(resumed)
    resumed.set_epoch(epoch)
    resumed.start_batch = 1
    assert rows_of(resumed) == whole[1:]
    if ranks == 2 and len(classes) % (2 * size) != 1:  # the ranks of a step see what one sees with twice the batch
        one = loader(split, size * 2, classes=classes)
        one.set_epoch(epoch)
        assert rows_of(one) == [a + b for a, b in zip(*batches, strict=True)]
