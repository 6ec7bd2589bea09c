"""Each value of each group has a figure of its own, under one name in all splits."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.metrics.chosen import ChosenMetrics
from interlace.metrics.directions import best_of
from interlace.metrics.evaluation import CLASS_METRICS, Evaluator
from interlace.metrics.groups import named_groups, shared_values


@settings(max_examples=50, deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from(["noisy", "indoor", "speaker"]), st.lists(st.sampled_from("01ab"), min_size=8, max_size=8)
    )
)
def test_no_group_is_lost_where_values_are_equal(fields):
    groups = {name: np.array(column) for name, column in fields.items()}
    shared = shared_values({"train": {}, "test": groups})
    named = list(named_groups(groups, shared))
    assert len({name for name, _ in named}) == len(named) == sum(len(set(column)) for column in fields.values())
    for name, rows in named:
        field, _, value = name.rpartition("=")
        owners = [field] if field else [key for key, column in fields.items() if value in column]
        assert len(owners) == 1
        assert (rows == (groups[owners[0]] == value)).all()


def test_names_hold_over_splits_and_those_of_one_field_alone_stay_as_they_were():
    splits = {
        "val": {"noisy": np.array(["0", "0"]), "requires": np.array(["both", "image"])},
        "test": {"noisy": np.array(["0", "1"]), "indoor": np.array(["1", "0"]), "requires": np.array(["both", "both"])},
    }
    evaluator = Evaluator(CLASS_METRICS, ["a", "b"], splits, chosen=ChosenMetrics(names=["f1_macro"], positive=None))
    probabilities, labels = torch.tensor([[0.9, 0.1], [0.8, 0.2]]), torch.tensor([0, 1])
    test = evaluator(probabilities, labels, splits["test"], "test")
    assert [test["test/accuracy/noisy=0"], test["test/accuracy/noisy=1"]] == [1.0, 0.0]
    assert [test["test/accuracy/indoor=0"], test["test/accuracy/indoor=1"]] == [0.0, 1.0]
    assert test["test/accuracy/both"] == 0.5
    val = evaluator(probabilities, labels, splits["val"], "val")
    assert {"val/accuracy/noisy=0", "val/accuracy/image", "val/f1_macro/both"} <= set(val)
    for name, figures in (("val", val), ("test", test)):
        assert {f"{name}/{figure}" for figure in evaluator.names(splits[name])} == set(figures)


def test_undefined_figures_are_told_by_split_and_by_group():
    groups = {"speaker": np.array(["A", "A", "B", "B"])}
    metrics = ChosenMetrics(names=["auroc", "f1_macro"], positive=None)
    evaluator = Evaluator(CLASS_METRICS, ["a", "b"], {"val": groups}, chosen=metrics)
    one = evaluator.notes("val", torch.tensor([1, 1, 1, 1]), groups)
    assert one == ["val/auroc is undefined and left out: all examples are of one class"]
    part = evaluator.notes("val", torch.tensor([0, 1, 1, 1]), groups)
    assert part == ["val/auroc is undefined and left out for the groups B, whose labels are too alike"]
    assert evaluator.notes("val", torch.tensor([0, 1, 0, 1]), groups) == []


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("val/accuracy", "max"), ("val/loss", "min"), ("test/mae/both", "min"), ("test/accuracy/loss", "max"),
        ("val/speaker/mae", "min"), ("test/ece_calibrated", "min"), ("test/brier", "min"), ("test/qwk", "max"),
        ("val/unimodal_mae/text", "min"), ("val/speaker/accuracy", "max"),
    ],
)  # fmt: skip
def test_the_metric_decides_which_way_is_better_not_the_group(name, direction):
    assert best_of(name) == direction
