"""Iterative stratification keeps sizes exactly and each label near its share, also through folds and drawn splits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.configuration.tasks import task_named
from interlace.data.folds import assign_folds
from interlace.data.iterative_stratification import stratified_subsets
from interlace.data.manifest.splitting import assign_splits

FRACTIONS = {"val": 0.1, "test": 0.2}


@st.composite
def drawn(draw):
    """Sets of labels, and sizes of subsets that sum to their number."""
    labels = draw(st.lists(st.frozensets(st.sampled_from("abcdef"), max_size=4), min_size=1, max_size=80))
    ends = sorted(draw(st.lists(st.integers(0, len(labels)), min_size=0, max_size=3)))
    return labels, np.diff([0, *ends, len(labels)]).tolist()


@given(drawn(), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_sizes_are_kept_and_the_rarest_label_is_shared_out_to_within_one(given, seed):
    labels, sizes = given
    subsets = stratified_subsets(labels, sizes, seed)
    assert np.bincount(subsets, minlength=len(sizes)).tolist() == sizes
    assert (stratified_subsets(labels, sizes, seed) == subsets).all()
    counts = {name: sum(name in each for each in labels) for name in "abcdef"}
    held = {name: count for name, count in counts.items() if count}
    if held:
        rarest = min(held, key=lambda name: (held[name], name))
        for subset, size in enumerate(sizes):
            got = sum(rarest in each for each, where in zip(labels, subsets, strict=True) if where == subset)
            assert abs(got - held[rarest] * size / len(labels)) < 1


def skewed(n: int, seed: int) -> list[frozenset[int]]:
    """Sets of ten labels of which the rarest is in 2% of the examples; labels depend on their neighbours."""
    rng = np.random.default_rng(seed)
    there = rng.random((n, 10)) < np.linspace(0.02, 0.5, 10)
    there[:, 1:] |= there[:, :-1] & (rng.random((n, 9)) < 0.3)
    return [frozenset(np.flatnonzero(row).tolist()) for row in there]


def distance(labels, subsets, sizes) -> float:
    """Mean over labels and subsets of |examples with the label - share|: LD of the paper (section 4), in counts."""
    there = np.array([[name in each for name in range(10)] for each in labels])
    found = np.array([there[subsets == subset].sum(0) for subset in range(len(sizes))])
    return float(np.abs(found - there.sum(0) * np.array(sizes)[:, None] / len(labels)).mean())


@pytest.mark.parametrize("seed", range(3))
def test_labels_are_far_nearer_to_their_share_than_by_chance(seed):
    labels = skewed(600, seed)
    sizes = [60, 120, 420]
    own = distance(labels, stratified_subsets(labels, sizes, seed), sizes)
    chance = [distance(labels, np.random.default_rng(i).permutation(np.repeat([0, 1, 2], sizes)), sizes)
              for i in range(20)]  # fmt: skip
    assert own < 1.0
    assert own < min(chance) / 2


def test_labels_that_exclude_each_other_are_stratified_as_by_scikit_learn():
    labels = [f"{i % 7 % 4}" for i in range(210)]
    single = np.array(labels)
    folds = {what: assign_folds(210, num_folds=5, seed=3, labels=given) for what, given in (
        ("sets", [frozenset([label]) for label in labels]), ("classes", labels))}  # fmt: skip
    for label in set(labels):
        counts = {what: sorted(np.bincount(each[single == label], minlength=5)) for what, each in folds.items()}
        assert counts["sets"] == counts["classes"]


@pytest.mark.parametrize("task", ["multi_label", "sequence_labels"])
def test_drawn_splits_and_folds_have_every_label_of_a_task(task):
    spec = task_named(task)
    answers = [tuple(f"c{name}" for name in sorted(each)) for each in skewed(300, 5)]
    rare = [i for i, answer in enumerate(answers) if "c0" in answer]
    assert len(rare) < 15
    if task == "sequence_labels":
        answers = [(None, *answer) for answer in answers]
    strata = [spec.stratum(answer) for answer in answers]
    splits = np.array(assign_splits([None] * 300, strata, stratify=True, fractions=FRACTIONS, seed=0))
    assert {name: int((splits == name).sum()) for name in ("train", "val", "test")} == {
        "train": 210, "val": 30, "test": 60}  # fmt: skip
    folds = assign_folds(300, num_folds=3, seed=0, labels=strata)
    for name in range(10):
        there = np.array([f"c{name}" in stratum for stratum in strata])
        share = 0.2 * there.sum()
        assert abs(there[splits == "test"].sum() - share) < max(1.5, 0.2 * share)  # rare labels come first
        assert np.ptp(np.bincount(folds[there], minlength=3)) <= max(1, 0.2 * there.sum() / 3)


def test_groups_stay_together_and_the_draw_does_not_depend_on_the_order_of_a_set():
    labels, groups = skewed(120, 1), [f"g{i // 3}" for i in range(120)]
    splits = assign_splits([None] * 120, labels, stratify=True, fractions=FRACTIONS, seed=0, groups=groups)
    assert all(len(set(splits[i : i + 3])) == 1 for i in range(0, 120, 3))
    backwards = [frozenset(sorted(each, reverse=True)) for each in labels]
    assert assign_splits([None] * 120, backwards, stratify=True, fractions=FRACTIONS, seed=0, groups=groups) == splits
