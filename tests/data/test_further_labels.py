"""Further labels from groups."""

import numpy as np
import pytest

from interlace.data.arrays import as_strings, full_array
from interlace.data.datamodule import DataModule
from interlace.data.further_labels import LabelSpec, attach_labels
from interlace.data.split import Split
from interlace.errors import UserError
from interlace.tokens import ModalitySpec


def module():
    data = DataModule(batch_size=2)
    data.modalities = {"a": ModalitySpec("features", (1, 1))}
    groups = {
        "train": {"mood": ["sad", "glad", "none"], "strength": ["1", "2.5", "none"], "one": ["x"] * 3},
        "val": {"mood": ["glad", "angry", "sad"], "strength": ["0", "-1", "3"], "one": ["x"] * 3},
    }
    data.splits = {
        name: Split({"a": full_array(np.zeros((3, 1, 1), np.float32))}, np.zeros(3, np.int64), list("abc"),
                    {key: as_strings(each) for key, each in values.items()})
        for name, values in groups.items()
    }  # fmt: skip
    return data


def test_groups_become_labels_and_unknown_values_none():
    data = module()
    attach_labels(data, {"mood": "classification", "strength": "regression"})
    assert data.further_labels == {
        "mood": LabelSpec("classification", ["glad", "sad"]), "strength": LabelSpec("regression", [])
    }  # fmt: skip
    batch = data.splits["train"].batch(np.arange(3))["labels"]
    assert batch["mood"].tolist() == [1, 0, -1]
    assert batch["strength"][:2].tolist() == [1.0, 2.5]
    assert batch["strength"][2].isnan()
    assert data.splits["val"].batch(np.arange(3))["labels"]["mood"].tolist() == [0, -1, 1]  # angry is unknown
    assert set(data.splits["val"].groups) == {"mood", "one"}  # numbers split no metrics
    assert DataModule.from_state(data.state()).further_labels == data.further_labels


def test_without_further_labels_batches_and_state_are_as_before():
    data = module()
    assert set(data.splits["train"].batch(np.arange(2))) == {"index", "inputs", "label"}
    assert not {"copies", "further_labels"} & set(data.state())


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"moood": "classification"}, "no group 'moood'; did you mean 'mood'"),
        ({"one": "classification"}, "expected two classes or more"),
        ({"mood": "regression"}, "multitask.labels.mood: 'sad' is not a label of regression; expected numbers"),
    ],
)
def test_what_cannot_be_a_label_is_told(labels, expected):
    with pytest.raises(UserError, match=expected):
        attach_labels(module(), labels)


def test_names_of_modalities_are_taken():
    data = module()
    for split in data.splits.values():
        split.groups["a"] = split.groups["mood"]
    with pytest.raises(UserError, match="name of a modality"):
        attach_labels(data, {"a": "classification"})
