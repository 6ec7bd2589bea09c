"""Shuffled and duplicated modalities."""

import numpy as np
import pytest

from interlace.data.arrays import full_array
from interlace.data.controls import DuplicatedModality, ShuffledModality, one_cycle
from interlace.data.datamodule import DataModule
from interlace.data.missing import MissingModalities
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.tokens import ModalitySpec


def module(num=50):
    data = DataModule(batch_size=8)
    data.modalities = {name: ModalitySpec("features", (1, 1)) for name in ("a", "b")}
    rows = np.arange(num, dtype=np.float32).reshape(num, 1, 1)
    data.splits = {
        split: Split({name: full_array(rows) for name in "ab"}, np.arange(num), [str(i) for i in range(num)],
                     texts={"a": [str(i) for i in range(num)]})
        for split in ("train", "val", "test")
    }  # fmt: skip
    return data


def values(split, name):
    return split.batch(np.arange(len(split)))["inputs"][name].x.flatten().numpy()


def test_one_cycle_moves_everything():
    rng = np.random.Generator(np.random.PCG64(0))
    for num in (2, 3, 10, 101):
        rows = one_cycle(num, rng)
        assert sorted(rows) == list(range(num))
        position, seen = 0, set()
        while position not in seen:
            seen.add(position)
            position = int(rows[position])
        assert len(seen) == num


def test_a_shuffled_modality_belongs_to_others_in_every_split():
    data = module()
    ShuffledModality(modality="a", seed=3).apply(data)
    shown = {}
    for name, split in data.splits.items():
        shown[name] = values(split, "a")
        assert sorted(shown[name]) == list(range(50))
        assert (shown[name] != np.arange(50)).all()
        assert (values(split, "b") == np.arange(50)).all()
        assert split.example(5)["inputs"]["a"][0, 0] == shown[name][5] == float(split.texts["a"][5])
        assert (values(split.select(["a"]), "a") == shown[name]).all()
    assert not np.array_equal(shown["train"], shown["test"])
    again = module()
    ShuffledModality(modality=["a"], seed=3).apply(again)
    assert np.array_equal(values(again.splits["train"], "a"), shown["train"])


def test_shuffled_and_missing_go_together():
    data = module(400)
    ShuffledModality(modality="a", seed=0).apply(data)
    before = values(data.splits["train"], "a")
    MissingModalities(train={"a": 0.5}, val=None, test=0.0, keep_one=False, redraw=False, seed=0).apply(data)
    raw = data.splits["train"].batch(np.arange(400))["inputs"]["a"]
    there = raw.present.numpy()
    assert 0.4 < there.mean() < 0.6
    assert (raw.x.flatten().numpy()[there] == before[there]).all()


def test_a_duplicate_is_the_same_modality_once_more():
    data = module()
    DuplicatedModality(modality="b", name=None).apply(data)
    assert list(data.modalities) == ["a", "b", "b_copy"]
    assert data.modalities["b_copy"] == data.modalities["b"]
    assert (values(data.splits["test"], "b_copy") == np.arange(50)).all()
    restored = DataModule.from_state(data.state())
    assert restored.modalities == data.modalities
    assert restored.copies == {"b_copy": "b"}


def test_records_need_not_hold_the_duplicate(tmp_path):
    data = module()
    DuplicatedModality(modality="b", name="c").apply(data)
    np.save(tmp_path / "one.npy", np.array([[7.0]], np.float32))
    split = data.encode([{"b": "one.npy"}], tmp_path)
    batch = split.batch(np.array([0]))["inputs"]
    assert batch["c"].x.item() == batch["b"].x.item() == 7.0
    assert batch["c"].present.item()
    assert not batch["a"].present.item()


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (ShuffledModality(modality="aa", seed=0), r"control\.modality: the data have no modality 'aa'"),
        (DuplicatedModality(modality="x", name=None), r"control\.modality: the data have no modality 'x'"),
        (DuplicatedModality(modality="a", name="b"), r"control\.name: got 'b'"),
    ],
)
def test_bad_names_are_told(control, expected):
    with pytest.raises(UserError, match=expected):
        control.apply(module())


def test_one_example_cannot_be_shuffled():
    with pytest.raises(UserError, match="it needs at least two"):
        ShuffledModality(modality="a", seed=0).apply(module(1))
