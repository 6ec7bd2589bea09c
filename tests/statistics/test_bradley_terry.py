"""Bradley-Terry strengths against logistic regression, and with ties against a general maximiser of the likelihood."""

import numpy as np
import pytest
from scipy import optimize

from interlace.statistics.bradley_terry import UNBOUNDED, count_outcomes, is_estimable, strengths


def drawn(seed, systems=4, games=200, ties=0.0):
    draw = np.random.default_rng(seed)
    true = draw.normal(size=systems)
    first = draw.integers(0, systems, games)
    second = (first + draw.integers(1, systems, games)) % systems
    won = (draw.random(games) < 1 / (1 + np.exp(true[second] - true[first]))).astype(float)
    won[draw.random(games) < ties] = 0.5
    return first, second, won


def counted(first, second, won, systems):
    return count_outcomes(first, second, won, np.ones((1, len(won))), systems)


@pytest.mark.parametrize("seed", range(3))
def test_without_ties_it_is_logistic_regression(seed):
    api = pytest.importorskip("statsmodels.api", reason="the package statsmodels is missing")
    first, second, won = drawn(seed)
    design = np.zeros((len(won), 4))
    design[np.arange(len(won)), first] += 1
    design[np.arange(len(won)), second] -= 1
    fitted = np.concatenate([[0.0], api.Logit(won, design[:, 1:]).fit(disp=0).params])
    found, nu = strengths(counted(first, second, won, 4), 4)
    np.testing.assert_allclose(found[0], fitted - fitted.mean(), atol=1e-5)
    assert nu[0] == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_with_ties_it_maximises_the_likelihood_of_davidson(seed):
    first, second, won = drawn(seed, systems=3, games=120, ties=0.25)

    def negative(free):
        p, nu = np.exp(np.array([0.0, *free[:2]])), np.exp(free[2])
        tie = nu * np.sqrt(p[first] * p[second])
        total = p[first] + p[second] + tie
        return -np.log(np.where(won == 1, p[first], np.where(won == 0, p[second], tie)) / total).sum()

    best = optimize.minimize(negative, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    expected = np.array([0.0, *best.x[:2]])
    found, nu = strengths(counted(first, second, won, 3), 3)
    np.testing.assert_allclose(found[0], expected - expected.mean(), atol=1e-4)
    assert nu[0] == pytest.approx(np.exp(best.x[2]), abs=1e-3)


def test_counts_follow_the_order_of_the_pairs_and_the_weights():
    first, second = np.array([0, 2, 1, 1]), np.array([1, 0, 2, 2])
    counts = count_outcomes(first, second, np.array([1.0, 1.0, 0.5, 0.0]), np.array([[1, 2, 3, 4.0]]), 3)
    assert counts.tolist() == [[[1, 0, 0], [0, 0, 2], [0, 3, 4]]]


def test_a_system_that_wins_all_has_no_estimate():
    won = np.array([[5.0, 0, 0], [5, 0, 0], [3, 0, 2]])
    assert not is_estimable(won, 3)
    assert strengths(won[None], 3)[0][0, 0] > UNBOUNDED
    assert is_estimable(np.array([[5.0, 0, 1], [5, 0, 0], [3, 0, 2]]), 3)
    assert is_estimable(np.array([[5.0, 1, 0], [5, 0, 0], [3, 0, 2]]), 3)
    assert not is_estimable(np.array([[5.0, 0, 1], [0, 0, 0], [0, 0, 0]]), 3)  # a system that was not compared


def test_many_resamples_are_fitted_like_one():
    first, second, won = drawn(1, ties=0.1)
    weights = np.random.default_rng(0).multinomial(len(won), np.full(len(won), 1 / len(won)), size=5).astype(float)
    together = strengths(count_outcomes(first, second, won, weights, 4), 4)[0]
    for row, each in zip(together, weights, strict=True):
        np.testing.assert_allclose(
            strengths(count_outcomes(first, second, won, each[None], 4), 4)[0][0], row, atol=1e-8
        )
