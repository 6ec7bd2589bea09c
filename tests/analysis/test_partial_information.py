"""Published decompositions of small gates, what must hold of any table, and discretisation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from interlace.analysis.partial_information import (
    discretize,
    joint_counts,
    mutual_information,
    partial_information,
    quantile_bins,
    shuffled_baseline,
)


def gate(answer):
    """P(x1, x2, y) of a gate of two fair bits."""
    table = np.zeros((2, 2, 2))
    for a in (0, 1):
        for b in (0, 1):
            table[a, b, answer(a, b)] += 0.25
    return table


def copied():
    table = np.zeros((2, 2, 2))
    table[0, 0, 0] = table[1, 1, 1] = 0.5
    return table


# Bits (R, U1, U2, S), Bertschinger et al. 2014, table 1; Griffith & Koch 2014.
@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (gate(lambda a, b: a ^ b), (0, 0, 0, 1)),
        (copied(), (1, 0, 0, 0)),
        (gate(lambda a, b: a), (0, 1, 0, 0)),
        (gate(lambda a, b: b), (0, 0, 1, 0)),
        (gate(lambda a, b: a & b), (0.311278, 0, 0, 0.5)),
        (gate(lambda a, b: a | b), (0.311278, 0, 0, 0.5)),
        (np.ones((3, 4, 2)), (0, 0, 0, 0)),
    ],
    ids=["xor", "copy", "unique 1", "unique 2", "and", "or", "nothing"],
)
def test_known_gates(table, expected):
    found = partial_information(table)
    assert found[:4] == pytest.approx(expected, abs=2e-4)
    assert found.gap < 1e-4 + 1e-9


def test_two_bits_of_which_one_is_shared():
    """x1 = (r, u), x2 = (r, v), y = (r, u, v): one bit redundant and one unique to each."""
    table = np.zeros((4, 4, 8))
    for r in (0, 1):
        for u in (0, 1):
            for v in (0, 1):
                table[2 * r + u, 2 * r + v, 4 * r + 2 * u + v] = 1 / 8
    assert partial_information(table)[:4] == pytest.approx((1, 1, 1, 0), abs=2e-4)


def test_against_a_search_along_the_only_free_direction():
    """For two bits and y = AND-like tables with noise, the feasible set given y is a line: brute force finds q."""
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.ones(4)).reshape(2, 2)[:, :, None] * np.array([1.0, 0.0])
    table[:, :, 1] = np.outer([0.4, 0.6], [0.1, 0.9])
    table /= table.sum()
    turn = np.array([[1.0, -1.0], [-1.0, 1.0]])

    def information(move, other):
        q = table.copy()
        q[:, :, 0] += move * turn
        q[:, :, 1] += other * turn
        return mutual_information(q.reshape(-1, 2)) if (q >= 0).all() else 9.0

    def best_other(move):
        low = max(-table[0, 0, 1], -table[1, 1, 1])
        high = min(table[0, 1, 1], table[1, 0, 1])
        return minimize_scalar(lambda o: information(move, o), bounds=(low, high), method="bounded").fun

    low, high = max(-table[0, 0, 0], -table[1, 1, 0]), min(table[0, 1, 0], table[1, 0, 0])
    least = min(best_other(move) for move in np.linspace(low, high, 201))
    found = partial_information(table)
    assert found.total - found.synergy == pytest.approx(least, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shape=st.tuples(st.integers(2, 4), st.integers(2, 4), st.integers(2, 3)))
def test_the_parts_are_not_negative_and_sum(seed, shape):
    table = np.random.default_rng(seed).dirichlet(np.full(np.prod(shape), 0.5)).reshape(shape)
    found = partial_information(table, tolerance=1e-3)
    assert min(found[:4]) > -1e-3
    first, second = table.sum(1), table.sum(0)
    assert found.redundant + found.unique_1 == pytest.approx(mutual_information(first))
    assert found.redundant + found.unique_2 == pytest.approx(mutual_information(second))
    assert found.total == pytest.approx(mutual_information(table.reshape(-1, shape[2])))
    swapped = partial_information(table.transpose(1, 0, 2), tolerance=1e-3)
    assert swapped.synergy == pytest.approx(found.synergy, abs=2e-3)


def test_samples_of_xor_come_close_and_shuffled_labels_show_the_bias():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 2000))
    found = partial_information(joint_counts(a, b, a ^ b))
    baseline = shuffled_baseline(a, b, a ^ b, shuffles=5, seed=0)
    assert found.synergy == pytest.approx(1.0, abs=0.01)
    assert 0 < baseline.total < 0.01
    wide = shuffled_baseline(rng.integers(0, 20, 2000), rng.integers(0, 20, 2000), a, shuffles=5, seed=0)
    assert wide.total > 10 * baseline.total  # more bins, more bias


def test_clusters_are_found_whatever_the_unit():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 200)
    points = np.array([[0, 0], [0, 9], [9, 0], [9, 9]])[truth] + rng.normal(0, 0.3, (200, 2))
    for scale in (1.0, 1e6):
        found = discretize(scale * points, bins=4, seed=0)
        assert mutual_information(joint_counts(found, np.zeros(200), truth)[:, 0] / 200) == pytest.approx(2.0, abs=0.1)


def test_fewer_distinct_rows_than_bins():
    found = discretize(np.array([[0.0], [0.0], [5.0]]), bins=8, seed=0)
    assert found[0] == found[1] != found[2]


def test_quantiles_keep_equal_numbers_together():
    assert quantile_bins(np.arange(10.0), 5).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert len(set(quantile_bins(np.zeros(10), 5).tolist())) == 1
