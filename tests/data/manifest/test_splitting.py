"""Drawn splits keep groups together."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.data.manifest.splitting import STRATIFIED_GROUPS, assign_splits
from interlace.errors import UserError

FRACTIONS = {"val": 0.1, "test": 0.2}


def draw(groups, labels=None, named=None, seed=0):
    labels = ["a"] * len(groups) if labels is None else labels
    named = [None] * len(groups) if named is None else named
    return assign_splits(named, labels, stratify=True, fractions=FRACTIONS, seed=seed, groups=groups)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ab")), min_size=3, max_size=80), st.integers(0, 9))
def test_a_group_is_in_one_split_and_no_split_is_empty(lines, seed) -> None:
    groups = [f"g{group}" for group, _ in lines]
    if len(set(groups)) < 3:
        with pytest.raises(UserError, match=r"data\.fold_group: [12] groups are too few for"):
            draw(groups, seed=seed)
        return
    splits = draw(groups, [label for _, label in lines], seed=seed)
    assert set(splits) == {"train", "val", "test"}
    assert all(len({s for g, s in zip(groups, splits, strict=True) if g == group}) == 1 for group in groups)
    assert splits == draw(groups, [label for _, label in lines], seed=seed)


@pytest.mark.parametrize("number", [40, 500, STRATIFIED_GROUPS + 1])
def test_fractions_and_labels_are_kept_as_far_as_groups_allow(number) -> None:
    rng = np.random.default_rng(0)
    groups = [f"g{i}" for i in range(number) for _ in range(10)]
    labels = [str(label) for label in rng.choice(["a", "b"], len(groups), p=[0.7, 0.3])]
    splits = draw(groups, labels)
    sizes = Counter(splits)
    assert sizes["test"] / len(groups) == pytest.approx(0.2, abs=0.01)
    assert sizes["val"] / len(groups) == pytest.approx(0.1, abs=0.01)
    share = Counter(label for label, split in zip(labels, splits, strict=True) if split == "test")["a"] / sizes["test"]
    assert share == pytest.approx(0.7, abs=0.1)


def test_lines_without_a_name_go_where_their_group_is_named_to_go() -> None:
    groups = ["a", "a", "b", "b", "c", "c", "d", "e"]
    splits = draw(groups, named=["test", None, None, None, "train", None, None, None])
    assert splits[:2] == ["test", "test"]
    assert splits[4:6] == ["train", "train"]
    assert splits[2] == splits[3]
    assert Counter(splits)["val"] >= 1
