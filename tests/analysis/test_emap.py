"""Additive functions are their own projection; XOR has none but a constant; the paper's sum for two modalities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from interlace.analysis.emap import additive_scores, emap
from interlace.metrics.measures import accuracy

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _same_numbers():
    """Each test draws the same, whatever ran before it."""
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


def project(function, modalities, n, batch_size=64):
    return emap(function, examples=n, modalities=modalities, batch_size=batch_size, seed=0)


@pytest.mark.parametrize("modalities", [1, 2, 3, 4])
def test_a_sum_of_functions_is_its_own_projection(modalities):
    n = 23
    parts = RNG.normal(size=(modalities, n, 5))
    labels = RNG.integers(0, 5, n)
    found = project(lambda rows: sum(parts[m][rows[:, m]] for m in range(modalities)), modalities, n)
    assert found.projected == pytest.approx(found.original)
    assert additive_scores(found, accuracy, labels).gap == 0.0
    assert found.interaction == pytest.approx(0.0, abs=1e-12)


def test_two_modalities_are_the_sum_of_the_paper():
    n = 9
    table = RNG.normal(size=(n, n, 2))  # f(t_i, v_j)
    found = project(lambda rows: table[rows[:, 0], rows[:, 1]], 2, n, batch_size=7)
    expected = table.mean(1) + table.mean(0) - table.mean((0, 1))
    assert found.projected == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(
    table=hnp.arrays(np.float64, st.tuples(st.integers(2, 7), st.integers(1, 3)).map(lambda s: (s[0], s[0], s[1])),
                     elements=st.floats(-9, 9, width=16)),
    offset=st.sampled_from([0.0, 1e4]),
)  # fmt: skip
def test_interaction_of_two_is_the_share_of_the_two_way_analysis_of_variance(table, offset):
    n, _, classes = table.shape
    found = project(lambda rows: offset + table[rows[:, 0], rows[:, 1]], 2, n, batch_size=5).interaction
    assert 0.0 <= found <= 1.0
    table = table - table.mean(2, keepdims=True) if classes > 1 else table
    additive = table.mean(1, keepdims=True) + table.mean(0, keepdims=True) - table.mean((0, 1))
    total = np.square(table - table.mean((0, 1))).sum()
    if total > 1e-2:
        assert found == pytest.approx(np.square(table - additive).sum() / total, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), ones=st.floats(0.02, 0.98), modalities=st.integers(2, 4))
def test_interaction_is_a_share_however_skewed_the_bits(seed, ones, modalities):
    """Against the projection's residual by brute force over the same combinations, for any number of modalities."""
    n = 12
    bits = (np.random.default_rng(seed).random((n, modalities)) < ones).astype(float)
    asked = []

    def predict(rows):
        asked.append(rows)
        parity = sum(bits[rows[:, m], m] for m in range(modalities)) % 2
        return np.stack([-parity, parity], 1)

    found = project(predict, modalities, n, batch_size=4096)
    assert 0.0 <= found.interaction <= 1.0
    rows = np.concatenate(asked[1:])
    if modalities == 2:  # of more, each modality's grid has its own projection
        table = 2 * (bits[:, None, 0] + bits[None, :, 1] == 1)
        main = table.mean(1, keepdims=True) + table.mean(0, keepdims=True) - table.mean()
        expected = np.square(table - main).sum() / max(np.square(table - table.mean()).sum(), 1e-9)
        assert found.interaction == pytest.approx(expected, abs=1e-9)
    assert len(rows) == modalities * n * n


def test_xor_is_pure_interaction():
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 10)

    def predict(rows):
        answer = bits[rows[:, 0], 0] ^ bits[rows[:, 1], 1]
        return np.stack([1.0 - answer, 1.0 * answer], 1)

    found = project(predict, 2, len(bits))
    scores = additive_scores(found, accuracy, bits[:, 0] ^ bits[:, 1])
    assert scores.score == 1.0
    assert scores.projected == 0.5  # constant outputs: the first class, half of the labels
    assert found.interaction == pytest.approx(1.0)


def test_three_modalities_approach_the_projection_on_the_product_of_marginals():
    """f = x y over independent signs, z idle: the additive part is zero."""
    n = 200
    signs = RNG.permuted(np.tile([-1.0, 1.0], (3, n // 2)), axis=1).T  # as many of each, so that marginals have mean 0
    found = project(lambda rows: (signs[rows[:, 0], 0] * signs[rows[:, 1], 1])[:, None], 3, n, 4096)
    projected = found.projected
    assert found.interaction > 0.95
    assert np.abs(projected).max() < 0.4
    assert np.abs(projected).mean() < 0.1


def test_a_number_to_predict_keeps_its_level():
    n = 12
    values = RNG.normal(size=(2, n))
    original, projected, _ = project(lambda rows: values[0][rows[:, 0]] + values[1][rows[:, 1]], 2, n)
    assert original.shape == (n, 1)
    assert projected == pytest.approx(original)
