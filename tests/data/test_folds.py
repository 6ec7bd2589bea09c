import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from interlace.data.folds import assign_folds, check_fold, fold_splits
from interlace.errors import UserError


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=30, max_size=80), st.integers(3, 6), st.integers(0, 99))
def test_each_fold_has_its_share_of_every_label(labels: list[str], num_folds: int, seed: int) -> None:
    folds = assign_folds(len(labels), num_folds=num_folds, seed=seed, labels=labels)
    array = np.array(labels)
    for label in set(labels):
        counts = [int((array[folds == fold] == label).sum()) for fold in range(num_folds)]
        if max(np.unique(array, return_counts=True)[1]) >= num_folds:
            assert max(counts) - min(counts) <= 1, "as even as whole numbers allow"
    sizes = np.bincount(folds, minlength=num_folds)
    assert sizes.sum() == len(labels)
    assert sizes.min() > 0


def test_folds_are_those_of_scikit_learn_and_depend_on_the_seed_alone() -> None:
    labels = list("abba" * 10)
    folds = assign_folds(40, num_folds=4, seed=7, labels=labels)
    splitter = StratifiedKFold(4, shuffle=True, random_state=7)
    for fold, (_, held_out) in enumerate(splitter.split(np.zeros(40), labels)):
        assert np.flatnonzero(folds == fold).tolist() == held_out.tolist()
    np.random.seed(1)
    assert (assign_folds(40, num_folds=4, seed=7, labels=labels) == folds).all()
    assert (assign_folds(40, num_folds=4, seed=8, labels=labels) != folds).any()


def test_groups_are_never_torn_apart_with_and_without_labels() -> None:
    rng = np.random.default_rng(0)
    groups = [f"g{i}" for i in rng.integers(12, size=200)]
    labels = rng.choice(["x", "y"], size=200, p=[0.8, 0.2]).tolist()
    for given_labels in (None, labels):
        folds = assign_folds(200, num_folds=4, seed=0, labels=given_labels, groups=groups)
        assert set(folds.tolist()) == {0, 1, 2, 3}
        homes = {group: {int(f) for f, g in zip(folds, groups, strict=True) if g == group} for group in set(groups)}
        assert all(len(home) == 1 for home in homes.values())
    shares = [np.mean([label == "y" for label, f in zip(labels, folds, strict=True) if f == fold]) for fold in range(4)]
    assert max(shares) - min(shares) < 0.15


def test_over_all_folds_each_pooled_example_is_tested_once_and_chooses_once() -> None:
    named = ["train"] * 20 + ["val"] * 10 + ["test"] * 6 + [None] * 4
    labels = ["a", "b"] * 20
    splits = [fold_splits(named, fold=fold, num_folds=5, seed=0, labels=labels) for fold in range(5)]
    for index, name in enumerate(named):
        seen = [each[index] for each in splits]
        if name == "test":
            assert seen == [None] * 5, "the official test split is set aside"
        else:
            assert sorted(map(str, seen)) == ["test", "train", "train", "train", "val"]
    for each in splits:
        assert each.count(None) == 6
        assert abs(each.count("val") - 34 / 5) < 1.5


def test_a_rare_label_does_not_stop_it() -> None:
    assert len(assign_folds(21, num_folds=5, seed=0, labels=["a"] * 20 + ["rare"])) == 21


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: check_fold(5, 5), "data.fold: got 5; expected null or 0 to 4"),
        (lambda: check_fold(-1, 5), "data.fold: got -1"),
        (lambda: check_fold(0, 2), "data.num_folds: got 2; expected at least 3"),
        (lambda: assign_folds(3, num_folds=5, seed=0), "5 folds need as many examples, and there are 3"),
        (lambda: assign_folds(9, num_folds=3, seed=0, groups=["a", "b"] * 4 + ["a"]), "groups, and there are 2"),
    ],
)
def test_what_cannot_be_folded_is_said(call, words) -> None:
    with pytest.raises(UserError, match=words):
        call()
