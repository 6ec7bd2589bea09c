"""Tokens of a sum, of a product, and shares of modalities."""

import numpy as np
import pytest

from interlace.analysis.shapley import exact_shapley
from interlace.analysis.token_shares import modality_shares, token_shapley


def test_weights_of_a_sum_are_found_in_one_order():
    weights = np.array([0.5, -2.0, 1.0, 0.0])
    phi = token_shapley(lambda masks: masks @ weights + 3.0, 4, permutations=1, seed=0)
    assert phi == pytest.approx(weights)
    assert modality_shares(phi, [2, 2]) == pytest.approx([2.5 / 3.5, 1.0 / 3.5])


def test_against_the_definition_and_the_sum():
    table = np.random.default_rng(0).normal(size=16)
    value = lambda masks: table[masks @ (1 << np.arange(4))]  # noqa: E731
    phi = token_shapley(value, 4, permutations=300, seed=0)
    exact = exact_shapley(lambda s: table[sum(1 << p for p in s)], 4)
    assert phi == pytest.approx(exact, abs=0.15)
    assert phi.sum() == pytest.approx(table[15] - table[0])


def test_a_product_is_shared_between_its_factors_by_two_antithetic_orders():
    phi = token_shapley(lambda masks: 1.0 * masks.all(1), 2, permutations=1, seed=0)
    assert phi == pytest.approx([0.5, 0.5])


def test_no_share_where_nothing_contributes():
    assert modality_shares(np.zeros(3), [1, 2]) is None
    assert modality_shares(np.array([1.0, 1.0]), [2, 0]) == pytest.approx([1.0, 0.0])
