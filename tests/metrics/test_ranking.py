"""Metrics of ranked lists: torchmetrics' figures, and values that are known by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.retrieval import (
    retrieval_hit_rate,
    retrieval_normalized_dcg,
    retrieval_reciprocal_rank,
)

from interlace.errors import UserError
from interlace.metrics.directions import MORE_IS_BETTER, best_of
from interlace.metrics.ranking import RANKED, ranking_scores
from interlace.statistics.ranges import metric_range


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=25))
def test_a_whole_ranking_scores_as_torchmetrics_says(grades):
    gains = np.array([grades], dtype=float)
    found = ranking_scores(gains, [[g for g in grades if g]])
    order, target = torch.arange(len(grades), 0, -1).float(), torch.tensor(grades)
    for k in (1, 5, 10):
        assert found[f"hit@{k}"][0] == retrieval_hit_rate(order, target > 0, top_k=k)
    if any(grades):
        assert found["mrr"][0] == pytest.approx(retrieval_reciprocal_rank(order, target > 0).item(), abs=1e-6)
        assert found["ndcg@10"][0] == pytest.approx(retrieval_normalized_dcg(order, target, top_k=10).item(), abs=1e-6)


def test_relevant_passages_that_were_not_found_count() -> None:
    # One of two relevant passages, at rank 2: DCG = 1 / log2(3), ideal = 1 + 1 / log2(3).
    found = ranking_scores(np.array([[0.0, 1.0, 0.0]]), [[1, 1]])
    assert found["ndcg@10"][0] == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))
    assert found["mrr"][0] == 0.5
    nothing = ranking_scores(np.zeros((1, 3)), [[1]])
    assert all(values[0] == 0 for values in nothing.values())


def test_names_are_known_and_queries_and_results_are_as_many() -> None:
    assert set(RANKED) <= MORE_IS_BETTER
    assert best_of("test/hit@10") == "max"
    assert metric_range("test/ndcg@10") == (0.0, 1.0)
    with pytest.raises(UserError, match="got 1 results for 2 queries"):
        ranking_scores(np.zeros((1, 3)), [[1], [1]])
