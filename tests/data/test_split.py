import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from interlace.configuration.tasks import task_named
from interlace.data import split as split_module
from interlace.data.arrays import RawArray
from interlace.data.describing import majority_priors
from interlace.data.split import Split


def test_sequences_are_cut_at_the_longest_of_the_batch() -> None:
    x = np.arange(15, dtype=np.int64).reshape(3, 5)
    array = RawArray(x, np.array([2, 4, 0]), np.array([True, True, False]))
    split = Split({"text": array}, np.array([0, 1, 0]), ["a", "b", "c"])
    assert split.batch(np.array([0]))["inputs"]["text"].x.tolist() == [[0, 1]]
    both = split.batch(np.array([1, 0]))
    assert both["inputs"]["text"].x.tolist() == [[5, 6, 7, 8], [0, 1, 2, 3]]
    assert both["inputs"]["text"].length.tolist() == [4, 2]
    assert both["label"].tolist() == [1, 0]
    assert both["index"].tolist() == [1, 0]
    missing = split.batch(np.array([2]))["inputs"]["text"]
    assert missing.x.shape == (1, 1), "a batch of missing examples keeps one position"
    assert not missing.present.any()


def test_pictures_are_never_cut() -> None:
    x = np.ones((2, 3, 4, 4), dtype=np.uint8)
    split = Split({"image": RawArray(x, np.array([1, 1]), np.ones(2, bool))}, np.zeros(2, np.int64), ["a", "b"])
    assert split.batch(np.array([0, 1]))["inputs"]["image"].x.shape == (2, 3, 4, 4)


def test_a_batch_is_a_copy() -> None:
    x = np.zeros((2, 1, 2), dtype=np.float32)
    split = Split({"x": RawArray(x, np.ones(2, np.int64), np.ones(2, bool))}, np.zeros(2, np.int64), ["a", "b"])
    split.batch(np.array([0, 1]))["inputs"]["x"].x.add_(1.0)
    assert not x.any()
    assert torch.equal(split.batch(np.array([0]))["inputs"]["x"].x, torch.zeros(1, 1, 2))


def test_selecting_modalities_leaves_everything_else():
    names = ["a", "b"]
    arrays = {n: RawArray(np.full((3, 2), i), np.full(3, 2), np.ones(3, bool)) for i, n in enumerate(names)}
    split = Split(arrays, np.arange(3), ["x", "y", "z"], {"g": np.array(["u", "v", "u"])})
    chosen = split.select(["b"])
    assert list(chosen.batch(np.array([2, 0]))["inputs"]) == ["b"]
    assert chosen.ids == split.ids
    assert chosen.groups == split.groups


def test_texts_to_write_stay_with_their_rows_when_modalities_are_selected():
    array = RawArray(np.zeros((2, 1, 2), dtype=np.float32), np.ones(2, np.int64), np.ones(2, bool))
    split = Split({"x": array}, np.zeros(2), ["a", "b"], targets=["ein Hut", "zwei"], prompts=["hat", ""])
    chosen = split.select(["x"])
    assert chosen.targets == ["ein Hut", "zwei"]
    assert chosen.prompts == ["hat", ""]


def test_the_commonest_text_is_the_prior_of_texts_overall_and_by_group():
    language = {"language": np.array(["de", "en", "de", "de"], dtype=object)}
    train = Split({}, np.zeros(4), list("abcd"), language, targets=["Hut", "hat", "Hut", "Zug"])
    test = Split({}, np.zeros(2), list("ab"), {"language": np.array(["en", "de"], dtype=object)}, targets=["hat", "x"])
    priors = majority_priors(train, test, [], task_named("generation"))
    assert priors["majority"] == {"text": "Hut", "exact_match": 0.0}
    assert priors["majority/language"]["en"] == {"text": "hat", "exact_match": 1.0}
    assert priors["majority/language"]["de"] == {"text": "Hut", "exact_match": 0.0}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=30,
)


@given(VALUES)
def test_json_in_pieces_is_the_json_of_the_whole(value: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split_module, "CHUNK", 3)
        assert "".join(split_module._json_pieces(value)) == json.dumps(value, sort_keys=True)
