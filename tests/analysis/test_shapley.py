"""Games with known Shapley values, the sum rule, sampling against the definition, and SHAPE's cooperation."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlace.analysis.shapley import all_values, cooperation, exact_shapley, sampled_shapley, shapley

GLOVES = {frozenset(): 0.0, frozenset({0, 2}): 1.0, frozenset({1, 2}): 1.0, frozenset({0, 1, 2}): 1.0}


def glove(coalition):
    """Two left gloves and one right one; a pair is worth 1."""
    return GLOVES.get(coalition, 0.0)


def test_the_glove_game():
    assert exact_shapley(glove, 3) == pytest.approx([1 / 6, 1 / 6, 2 / 3])


def table_game(players, seed):
    values = np.random.default_rng(seed).normal(size=1 << players)
    return lambda coalition: float(values[sum(1 << p for p in coalition)])


@given(players=st.integers(1, 4), seed=st.integers(0, 1000))
def test_exact_values_are_the_mean_over_all_orders_and_sum(players, seed):
    value = table_game(players, seed)
    phi = exact_shapley(value, players)
    brute = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        for index, player in enumerate(order):
            before = frozenset(order[:index])
            brute[player] += (value(before | {player}) - value(before)) / len(orders)
    assert phi == pytest.approx(brute)
    assert phi.sum() == pytest.approx(value(frozenset(range(players))) - value(frozenset()))


def test_sampling_comes_close_and_sums_exactly():
    value = table_game(5, 1)
    found = shapley(value, 5, permutations=400, seed=0)
    assert not found.exact
    truth = exact_shapley(value, 5)
    assert np.abs(found.phi - truth).max() < 5 * found.error.max() < 1
    few = sampled_shapley(value, 5, permutations=1, seed=3)
    assert few.phi.sum() == pytest.approx(value(frozenset(range(5))) - value(frozenset()))


def test_each_coalition_is_asked_once():
    asked = []
    shapley(lambda coalition: asked.append(coalition) or 0.0, 3, permutations=1, seed=0)
    assert len(asked) == len(set(asked)) == 8


def test_cooperation_of_xor_and_of_a_sum():
    xor = {0: 0.5, 1: 0.5, 2: 1.0}  # accuracy by the number of bits seen
    assert cooperation(lambda coalition: xor[len(coalition)], 2) == {(0, 1): 0.5}
    additive = cooperation(lambda coalition: sum((1.0, 2.0, 4.0)[p] for p in coalition) + 7.0, 3)
    assert set(additive) == {(0, 1), (0, 2), (1, 2), (0, 1, 2)}
    assert all(v == pytest.approx(0.0) for v in additive.values())


def test_values_by_name():
    assert all_values(lambda coalition: float(len(coalition)), ["a", "b"]) == {"none": 0, "a": 1, "b": 1, "a+b": 2}
