"""Missing modalities: rates, who is kept, and that a draw depends on (seed, split, epoch, row) alone."""

import numpy as np
import pytest

from interlace.data.arrays import full_array
from interlace.data.datamodule import DataModule
from interlace.data.missing import IncompleteSplit, MissingModalities, draw_dropped
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.tokens import ModalitySpec

NAMES = ("image", "audio", "text")
NUM = 4000


def module(num=NUM):
    """Three modalities of features whose only value is 1 + the row."""
    data = DataModule(batch_size=8)
    data.classes = ["only"]
    data.modalities = {name: ModalitySpec("features", (1, 1)) for name in NAMES}
    rows = np.arange(1, num + 1, dtype=np.float32).reshape(num, 1, 1)
    data.splits = {
        split: Split({name: full_array(rows) for name in NAMES}, np.zeros(num, np.int64), [str(i) for i in range(num)])
        for split in ("train", "val", "test")
    }
    return data


def incomplete(data=None, **options):
    data = data or module()
    settings = {"train": 0.0, "val": None, "test": 0.0, "keep_one": False, "redraw": False, "seed": 0}
    MissingModalities(**{**settings, **options}).apply(data)
    return data


def present(split, rows=None):
    batch = split.batch(np.arange(len(split)) if rows is None else np.asarray(rows))
    return np.stack([raw.present.numpy() for raw in batch["inputs"].values()], 1)


def test_rates_are_met_and_independent():
    data = incomplete(train={"image": 0.3, "audio": 0.5}, test=0.2)
    lost = ~present(data.splits["train"])
    # Three standard deviations of a mean of 4000 draws are at most 0.024.
    assert lost.mean(0) == pytest.approx([0.3, 0.5, 0.0], abs=0.024)
    assert (lost[:, 0] & lost[:, 1]).mean() == pytest.approx(0.15, abs=0.018)
    assert np.array_equal(present(data.splits["val"]).mean(0) < 1, [True, True, False])  # as in training
    assert (~present(data.splits["test"])).mean(0) == pytest.approx([0.2] * 3, abs=0.02)
    assert not np.array_equal(present(data.splits["train"])[:, 0], present(data.splits["val"])[:, 0])


def test_what_is_missing_is_zero_and_has_no_length():
    split = incomplete(train=0.5).splits["train"]
    batch = split.batch(np.arange(20))
    for raw in batch["inputs"].values():
        gone = ~raw.present
        assert gone.any()
        assert (raw.x[gone] == 0).all()
        assert (raw.length[gone] == 0).all()
        assert (raw.x[~gone].flatten() == batch["index"][~gone] + 1).all()
    row = int(np.flatnonzero(~present(split)[:, 0])[0])
    assert split.example(row)["inputs"]["image"] is None


def test_one_is_kept_each_with_equal_chance():
    rng = np.random.Generator(np.random.PCG64(0))
    there = np.ones((30_000, 3), bool)
    there[:10_000, 2] = False
    there[-1] = False  # has nothing to keep
    rates = np.array([0.9, 0.5, 0.2])
    lost = draw_dropped(there, rates, rng, keep_one=True)
    assert (there & ~lost)[:-1].any(1).all()
    assert not lost[-1].any()
    assert not (lost & ~there).any()
    # Rows of all three: P(missing) = p_m - (1/3) p_1 p_2 p_3; of two: p_m - (1/2) p_1 p_2.
    assert lost[10_000:-1].mean(0) == pytest.approx(rates - 0.09 / 3, abs=0.011)
    assert lost[:10_000, :2].mean(0) == pytest.approx(rates[:2] - 0.45 / 2, abs=0.015)


def test_a_rate_of_one_leaves_exactly_one():
    split = incomplete(train=1.0, keep_one=True).splits["train"]
    assert (present(split).sum(1) == 1).all()
    assert not present(incomplete(train=1.0).splits["train"]).any()


def test_a_draw_depends_on_seed_epoch_and_row_alone():
    split = incomplete(train=0.4, redraw=True).splits["train"]
    first = present(split)
    assert np.array_equal(present(split, [7, 3, 90]), first[[7, 3, 90]])
    split.set_epoch(1)
    second = present(split)
    assert not np.array_equal(first, second)
    split.set_epoch(0)
    assert np.array_equal(present(split), first)
    again, other = incomplete(train=0.4), incomplete(train=0.4, seed=1)
    assert np.array_equal(present(again.splits["train"]), first)
    assert not np.array_equal(present(other.splits["train"]), first)
    fixed = again.splits["train"]
    fixed.set_epoch(1)
    assert np.array_equal(present(fixed), first)


def test_arms_with_other_modalities_miss_the_same():
    split = incomplete(train=0.4, redraw=True, keep_one=True).splits["train"]
    alone = split.select(["audio"])
    assert isinstance(alone, IncompleteSplit)
    for epoch in (0, 3):
        split.set_epoch(epoch)
        alone.set_epoch(epoch)
        assert np.array_equal(present(alone)[:, 0], present(split)[:, 1])
    assert list(alone.batch(np.arange(2))["inputs"]) == ["audio"]


def test_a_higher_rate_takes_away_more_of_the_same():
    low, high = (present(incomplete(test=rate).splits["test"]) for rate in (0.2, 0.5))
    assert (high <= low).all()
    assert (high < low).any()


def test_metrics_are_grouped_by_what_is_missing():
    data = incomplete(test={"image": 0.5, "audio": 0.5})
    split = data.splits["test"]
    assert set(split.groups["missing"]) == {"complete", "without_image", "without_audio", "without_image+audio"}
    assert ((split.groups["missing"] == "complete") == present(split).all(1)).all()
    assert "missing" not in data.splits["train"].groups
    assert "missing" not in data.splits["val"].groups  # nothing is missing there
    assert data.describe()["modalities"]["image"]["present"]["test"] == pytest.approx(0.5, abs=0.03)


def test_an_unknown_modality_is_named():
    with pytest.raises(UserError, match=r"missing_data\.test: the data have no modality 'imag'; did you mean 'image'"):
        incomplete(test={"imag": 0.5})
