"""LexRank against its paper, its definition by power iteration, and the idf-modified cosine written out."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlace.metrics.rouge import words
from interlace.models.text_algorithms.inverse_document_frequency import InverseDocumentFrequency, cosines
from interlace.models.text_algorithms.lexrank import lexrank

# Erkan and Radev (2004), figure 2: similarities of eleven sentences of cluster d1003t (upper triangle, in percent).
FIGURE_2 = """
100 45 2 17 3 22 3 28 6 6 0
100 16 27 3 19 3 21 3 15 0
100 3 0 1 3 4 0 1 0
100 1 16 28 17 0 9 1
100 29 5 15 20 4 18
100 5 29 4 20 3
100 6 0 0 1
100 25 20 17
100 26 38
100 12
100
"""
# Table 2, threshold 0.1, divided by the largest.
TABLE_2 = [0.6007, 0.8466, 0.3491, 0.7520, 0.5907, 0.7993, 0.3548, 1.0000, 0.5921, 0.6910, 0.5921]


def figure_2():
    upper = np.zeros((11, 11))
    for row, line in enumerate(FIGURE_2.split("\n")[1:-1]):
        upper[row, row:] = [int(value) / 100 for value in line.split()]
    return np.maximum(upper, upper.T)


def power_iteration(weights, damping):
    """Equation 5 in float64, from the uniform distribution, until nothing moves."""
    n = len(weights)
    p = np.full(n, 1 / n)
    for _ in range(20_000):
        moved = np.array([
            damping / n + (1 - damping) * sum(weights[v][u] / weights[v].sum() * p[v] for v in range(n))
            for u in range(n)
        ])  # fmt: skip
        if np.abs(moved - p).max() < 1e-15:
            break
        p = moved
    return p


def test_it_gives_the_figures_of_the_paper() -> None:
    ranks = lexrank(figure_2(), 0.1, 0.15)
    assert ranks / ranks.max() == pytest.approx(TABLE_2, abs=1e-3)  # similarities are printed with two digits
    level = lexrank(figure_2(), 0.3, 0.15)
    assert level == pytest.approx(np.full(11, 1 / 11)), "table 2: all are 1 at threshold 0.3"


@pytest.mark.parametrize("threshold", [None, 0.1, 0.2])
@pytest.mark.parametrize("damping", [0.1, 0.15, 0.5])
def test_it_is_the_fixed_point_of_its_definition(threshold, damping) -> None:
    similarity = figure_2()
    weights = similarity if threshold is None else (similarity > threshold).astype(float)
    assert lexrank(similarity, threshold, damping) == pytest.approx(power_iteration(weights, damping), abs=1e-10)


TEXTS = st.lists(st.lists(st.sampled_from("abcdef"), max_size=6).map(" ".join), min_size=1, max_size=6)


@given(TEXTS)
def test_any_texts_have_a_distribution(texts) -> None:
    similarity = cosines(InverseDocumentFrequency(10, {"a": 10, "b": 5}).vectors(texts))
    for threshold in (None, 0.1):
        ranks = lexrank(similarity, threshold, 0.15)
        assert ranks.sum() == pytest.approx(1)
        weights = similarity if threshold is None else (similarity > threshold).astype(float)
        assert ranks == pytest.approx(power_iteration(weights, 0.15), abs=1e-9)


@given(TEXTS)
def test_similarities_are_the_idf_modified_cosines(texts) -> None:
    """Equation 1: sum tf tf idf^2 over the root of the sums of (tf idf)^2; 0 and, of a text with itself, 1 without."""
    idf = InverseDocumentFrequency.of(["a b", "a c d", "a b e"])
    assert idf("a") == 0
    assert idf("b") == pytest.approx(math.log(3 / 2))
    assert idf("never seen") == pytest.approx(math.log(3))
    found = cosines(idf.vectors(texts))
    bags = [Counter(words(text)) for text in texts]
    for i, x in enumerate(bags):
        for j, y in enumerate(bags):
            above = sum(x[w] * y[w] * idf(w) ** 2 for w in x)
            below = math.prod(math.sqrt(sum((bag[w] * idf(w)) ** 2 for w in bag)) for bag in (x, y))
            expected = float(i == j) if below == 0 or i == j else above / below
            assert found[i, j] == pytest.approx(expected, abs=1e-9)
