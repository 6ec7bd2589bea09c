"""Distinct-n, seq-rep-n, and ranks among candidates, against libraries and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from interlace.errors import UserError
from interlace.metrics.candidates import candidate_ranks
from interlace.metrics.diversity import distinct, sequence_repetition

WORDS = st.lists(st.lists(st.sampled_from(["a", "B", "b.", "ab"]), max_size=8).map(" ".join), min_size=1, max_size=6)


@given(WORDS, st.integers(1, 4))
def test_distinct_is_the_vocabulary_over_the_counts_of_scikit_learn(texts, n):
    vectorizer = CountVectorizer(ngram_range=(n, n), token_pattern=r"\S+")
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # no n-gram
        assert np.isnan(distinct(texts, n))
        return
    assert distinct(texts, n) == pytest.approx(counts.shape[1] / counts.sum())


def test_repetition_of_known_sequences():
    # Welleck et al. 2020: the share of repeated n-grams; "x x x x x" has two 4-grams, of which one is new.
    assert sequence_repetition([7] * 5, 4) == 0.5
    assert sequence_repetition(list(range(9)), 4) == 0
    assert sequence_repetition([1, 2, 1, 2, 1, 2], 2) == pytest.approx(3 / 5)
    assert np.isnan(sequence_repetition([1, 2, 3], 4))
    with pytest.raises(UserError, match="n is 0"):
        sequence_repetition([1], 0)


@given(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4))
def test_ranks_with_ties_are_the_mean_over_all_orders_of_equal_scores(rows):
    scores = np.array(rows, dtype=float)
    ranks = candidate_ranks(scores)
    for row, each in enumerate(scores):
        better, same = int((each[1:] > each[0]).sum()), int((each[1:] == each[0]).sum())
        places = np.arange(better + 1, better + same + 2)  # equally likely ranks of the right one
        assert ranks.reciprocal()[row] == pytest.approx((1 / places).mean())
        for k in (1, 2, 4):
            assert ranks.recall(k)[row] == pytest.approx((places <= k).mean())


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(UserError, match="all finite"):
        candidate_ranks(np.array([[0.0, np.nan]]))
