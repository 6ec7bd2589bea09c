"""Rankings put together: reciprocal rank fusion by its equation, weights by brute force, exact nearest vectors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.retrieval.combining import (
    WEIGHTS,
    candidates,
    choose_weight,
    reciprocal_rank_fusion,
    standardised,
    weighted,
)
from interlace.retrieval.hits import NOTHING, Hits
from interlace.retrieval.vectors import ExactSearch


def hits(*rows):
    rows = np.array(rows)
    return Hits(rows, np.where(rows == NOTHING, -np.inf, -np.arange(rows.shape[1])[None].astype(np.float32)))


def test_reciprocal_rank_fusion_by_hand() -> None:
    found = reciprocal_rank_fusion([hits([3, 1, 2]), hits([1, 3, NOTHING])], constant=60, k=4)
    assert found.rows.tolist() == [[1, 3, 2, NOTHING]]  # equal sums of 1 and 3 by row
    np.testing.assert_allclose(found.scores[0][:3], [1 / 61 + 1 / 62, 1 / 61 + 1 / 62, 1 / 63], rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(6)), st.permutations(range(6)), st.integers(1, 100))
def test_reciprocal_rank_fusion_does_not_depend_on_the_order_of_rankings(first, second, constant):
    one, two = hits(first), hits(second)
    assert reciprocal_rank_fusion([one, two], constant, 6).rows.tolist() == (
        reciprocal_rank_fusion([two, one], constant, 6).rows.tolist()
    )
    assert reciprocal_rank_fusion([one, one], constant, 6).rows.tolist() == [list(first)]


def test_weights_of_zero_and_one_leave_one_ranking_alone() -> None:
    draw = np.random.default_rng(0)
    rows = np.tile(np.arange(9), (4, 1))
    first, second = draw.normal(size=(2, 4, 9)).astype(np.float32)
    for weight, scores in ((0.0, first), (1.0, second)):
        assert (weighted(rows, first, second, weight, 9).rows == np.argsort(-scores, axis=1)).all()


def test_standardising_ignores_scale_shift_and_empty_places() -> None:
    rows = np.array([[4, 7, 9, NOTHING]])
    scores = np.array([[1.0, 5.0, 3.0, 100.0]])
    found = standardised(rows, scores)
    np.testing.assert_allclose(found, standardised(rows, 7 * scores - 2), atol=1e-12)
    assert found[0, :3].mean() == pytest.approx(0)
    assert found[0, :3].std() == pytest.approx(1)
    assert standardised(rows, np.ones((1, 4))).tolist() == [[0, 0, 0, 0]]
    assert weighted(rows, scores, scores, 0.5, 4).rows.tolist() == [[7, 9, 4, NOTHING]]


def test_the_chosen_weight_is_the_best_on_the_grid_and_the_smallest_of_equals() -> None:
    rows = np.tile(np.arange(5), (3, 1))
    draw = np.random.default_rng(1)
    first, second = draw.normal(size=(2, 3, 5)).astype(np.float32)

    def score(found):
        return float((found.rows[:, 0] == 2).mean())

    scores = [score(weighted(rows, first, second, w, 5)) for w in WEIGHTS]
    assert choose_weight(rows, first, second, score, 5) == WEIGHTS[scores.index(max(scores))]
    assert choose_weight(rows, first, second, lambda found: 1.0, 5) == 0


def test_candidates_are_those_of_either_ranking() -> None:
    found = candidates([hits([3, 1], [0, NOTHING]), hits([1, 5], [0, 0])])
    assert found.tolist() == [[1, 3, 5], [0, NOTHING, NOTHING]]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 40), st.integers(0, 10**6))
def test_the_nearest_vectors_are_those_of_brute_force(passages, queries, k, seed):
    draw = np.random.default_rng(seed)
    vectors = draw.integers(-2, 3, size=(passages, 3)).astype(np.float32)  # with ties
    asked = draw.integers(-2, 3, size=(queries, 3)).astype(np.float32)
    found = ExactSearch(vectors).search(asked, k)
    for number in range(queries):
        scores = vectors @ asked[number]
        expected = sorted(range(passages), key=lambda row, s=scores: (-s[row], row))[:k]
        assert found.rows[number].tolist() == expected
