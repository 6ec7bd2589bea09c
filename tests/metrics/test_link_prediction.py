"""Filtered ranks against brute force over all orders of equal scores, and values known by hand."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.errors import UserError
from interlace.metrics.link_prediction import filtered_ranks, rank_scores


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=6), st.data())
def test_ranks_are_the_mean_over_all_orders_that_the_scores_allow(levels: list[int], data) -> None:
    names = [f"e{i}" for i in range(len(levels))]
    dense = dict(zip(names, map(float, levels), strict=True))
    right = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=len(names), unique=True))
    sparse = {name: score for name, score in dense.items() if score}
    expected = []
    for entity in right:
        kept = [name for name in names if name == entity or name not in right]
        orders = [order for order in permutations(kept) if all(
            dense[a] >= dense[b] for a, b in pairwise(order))]  # fmt: skip
        expected.append(np.mean([order.index(entity) + 1 for order in orders]))
    assert filtered_ranks(sparse, right, len(names)) == pytest.approx(np.array(expected))


def test_other_right_entities_do_not_push_one_down() -> None:
    scores = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}
    assert filtered_ranks(scores, ["b", "d"], 100).tolist() == [2.0, 3.0]
    # Not found: behind three wrong ones, among the 95 that have 0.
    assert filtered_ranks(scores, ["a", "z"], 100).tolist() == [1.0, 1 + 3 + 95 / 2]


def test_hits_and_reciprocal_ranks_by_hand() -> None:
    assert rank_scores([1, 2, 20]) == pytest.approx({"hit@1": 1 / 3, "hit@10": 2 / 3, "mrr": (1 + 0.5 + 0.05) / 3})


def test_more_entities_than_there_are_is_told() -> None:
    with pytest.raises(UserError, match="3 entities are named, of 2"):
        filtered_ranks({"a": 1.0, "b": 1.0}, ["c"], 2)
