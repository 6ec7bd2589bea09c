"""Additive functions are their own projection; XOR has none but a constant; the paper's sum for two modalities."""

import numpy as np
import pytest

from interlace.analysis.emap import additive_share, emap
from interlace.analysis.scores import accuracy

RNG = np.random.default_rng(0)


def project(function, modalities, n, batch_size=64):
    return emap(function, examples=n, modalities=modalities, batch_size=batch_size, seed=0)


@pytest.mark.parametrize("modalities", [1, 2, 3, 4])
def test_a_sum_of_functions_is_its_own_projection(modalities):
    n = 23
    parts = RNG.normal(size=(modalities, n, 5))
    labels = RNG.integers(0, 5, n)
    original, projected = project(lambda rows: sum(parts[m][rows[:, m]] for m in range(modalities)), modalities, n)
    assert projected == pytest.approx(original)
    share = additive_share(original, projected, accuracy, labels)
    assert share.gap == 0.0
    assert share.residual == pytest.approx(0.0, abs=1e-12)


def test_two_modalities_are_the_sum_of_the_paper():
    n = 9
    table = RNG.normal(size=(n, n, 2))  # f(t_i, v_j)
    _, projected = project(lambda rows: table[rows[:, 0], rows[:, 1]], 2, n, batch_size=7)
    expected = table.mean(1) + table.mean(0) - table.mean((0, 1))
    assert projected == pytest.approx(expected)


def test_xor_is_pure_interaction():
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 10)

    def predict(rows):
        answer = bits[rows[:, 0], 0] ^ bits[rows[:, 1], 1]
        return np.stack([1.0 - answer, 1.0 * answer], 1)

    original, projected = project(predict, 2, len(bits))
    share = additive_share(original, projected, accuracy, bits[:, 0] ^ bits[:, 1])
    assert share.score == 1.0
    assert share.projected == 0.5  # constant outputs: the first class, half of the labels
    assert share.residual == pytest.approx(1.0)


def test_three_modalities_approach_the_projection_on_the_product_of_marginals():
    """f = x y over independent signs, z idle: the additive part is zero."""
    n = 200
    signs = RNG.choice([-1.0, 1.0], (n, 3))
    _, projected = project(lambda rows: (signs[rows[:, 0], 0] * signs[rows[:, 1], 1])[:, None], 3, n, 4096)
    assert np.abs(projected).max() < 0.4
    assert np.abs(projected).mean() < 0.1


def test_a_number_to_predict_keeps_its_level():
    n = 12
    values = RNG.normal(size=(2, n))
    original, projected = project(lambda rows: values[0][rows[:, 0]] + values[1][rows[:, 1]], 2, n)
    assert original.shape == (n, 1)
    assert projected == pytest.approx(original)
