"""Positions against the formula of Vaswani et al. 2017, section 3.5."""

import math

import pytest
import torch

from interlace.nn.positions import LearnedPositions, SinusoidalPositions, sinusoidal_table


def test_sinusoidal_numbers() -> None:
    table = sinusoidal_table(50, 6)
    assert table[0].tolist() == [0, 1, 0, 1, 0, 1]
    assert table[7, 2].item() == pytest.approx(math.sin(7 / 10000 ** (2 / 6)), abs=1e-5)
    assert table[49, 5].item() == pytest.approx(math.cos(49 / 10000 ** (4 / 6)), abs=1e-5)


@pytest.mark.parametrize("dim", [6, 5])
def test_sinusoidal_positions_grow_with_the_sequence(dim: int) -> None:
    positions = SinusoidalPositions(max_length=2, dim=dim)
    torch.testing.assert_close(positions(torch.zeros(1, 9, dim))[0], sinusoidal_table(9, dim))
    torch.testing.assert_close(positions(torch.zeros(1, 2, dim))[0], sinusoidal_table(2, dim))


def test_learned_positions_repeat_the_last() -> None:
    positions = LearnedPositions(max_length=3, dim=2)
    x = positions(torch.zeros(1, 5, 2))[0]
    torch.testing.assert_close(x[:3], positions.embedding.weight)
    torch.testing.assert_close(x[4], positions.embedding.weight[2])
    torch.testing.assert_close(positions(torch.zeros(1, 2, 2))[0], positions.embedding.weight[:2])
