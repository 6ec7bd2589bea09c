"""Split-conformal prediction: thresholds by brute force, and the coverage that theory gives, simulated."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from interlace.statistics.conformal import (
    class_scores,
    class_sets,
    least_examples,
    number_scores,
    rank_of,
    threshold,
)

LEVELS = st.integers(1, 999).map(lambda level: level / 1000)


@given(st.lists(st.floats(0, 1), max_size=60), LEVELS)
def test_the_threshold_is_the_smallest_score_that_enough_scores_do_not_exceed(scores, coverage):
    exact = Fraction(str(coverage))
    wanted = [s for s in scores if Fraction(sum(each <= s for each in scores), len(scores) + 1) >= exact]
    assert threshold(np.array(scores), coverage) == min(wanted, default=math.inf)


@given(LEVELS)
def test_the_least_number_of_examples(coverage):
    n = least_examples(coverage)
    assert rank_of(n, coverage) <= n
    assert n == 1 or rank_of(n - 1, coverage) > n - 1


def test_published_numbers_of_examples():
    assert [least_examples(level) for level in (0.5, 0.8, 0.9, 0.95, 0.99)] == [1, 4, 9, 19, 99]


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("n", [30, 199])
def test_coverage_over_draws_is_that_of_theory(coverage, n):
    """Given the calibration scores, the number of covered test examples is beta-binomial with parameters k and
    n + 1 - k, k the rank (Vovk 2012), so that the mean coverage is k / (n + 1)."""
    rng, tested, draws = np.random.default_rng(n), 100, 400
    covered = []
    for _ in range(draws):
        labels = rng.integers(0, 4, n + tested)
        logits = rng.normal(size=(n + tested, 4)) + 1.5 * np.eye(4)[labels]
        probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        limit = threshold(class_scores(probabilities[:n], labels[:n]), coverage)
        covered.append(class_sets(probabilities[n:], limit)[np.arange(tested), labels[n:]].sum())
    law = betabinom(tested, rank_of(n, coverage), n + 1 - rank_of(n, coverage))
    assert law.mean() / tested >= coverage - 1e-12
    assert np.mean(covered) == pytest.approx(law.mean(), abs=4 * law.std() / math.sqrt(draws))
    assert np.std(covered) == pytest.approx(law.std(), rel=0.2)


def test_intervals_of_numbers_cover_whatever_the_errors_are():
    rng, n, draws, coverage = np.random.default_rng(0), 60, 3000, 0.9
    truth = rng.normal(size=(draws, n + 1))
    guesses = truth + rng.standard_cauchy(size=truth.shape)  # without mean and variance
    hits = [
        number_scores(guess[n:], right[n:])[0] <= threshold(number_scores(guess[:n], right[:n]), coverage)
        for guess, right in zip(guesses, truth, strict=True)
    ]
    expected = rank_of(n, coverage) / (n + 1)
    assert np.mean(hits) == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / draws))
