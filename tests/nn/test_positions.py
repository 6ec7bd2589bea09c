"""Positions against the formula of Vaswani et al. 2017, section 3.5."""

import math

import pytest
import torch

from interlace.nn.positions import (
    LearnedPositions,
    RelativePositions,
    SinusoidalPositions,
    relative_buckets,
    sinusoidal_table,
)


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


@pytest.mark.parametrize("bidirectional", [False, True])
def test_relative_buckets_by_hand(bidirectional: bool) -> None:
    """8 buckets up to distance 16: exact below half, then truncated logarithmic steps (Raffel et al. 2020, 2.1)."""
    distance = torch.arange(-20, 21)
    found = relative_buckets(distance, 8, 16, bidirectional=bidirectional).tolist()
    for relative, bucket in zip(distance.tolist(), found, strict=True):
        count = 4 if bidirectional else 8
        first = 4 if bidirectional and relative > 0 else 0
        away = abs(relative) if bidirectional else max(-relative, 0)
        exact = count // 2
        if away < exact:
            expected = away
        else:
            step = int(math.log(away / exact) / math.log(16 / exact) * (count - exact) + 1e-6)
            expected = min(exact + step, count - 1)
        assert bucket == first + expected, relative


@pytest.mark.parametrize("bidirectional", [False, True])
def test_relative_buckets_are_those_of_transformers(bidirectional: bool) -> None:
    attention = pytest.importorskip("transformers.models.t5.modeling_t5").T5Attention
    distance = torch.arange(-600, 601)
    expected = attention._relative_position_bucket(distance, bidirectional, 32, 128)
    assert torch.equal(relative_buckets(distance, 32, 128, bidirectional=bidirectional), expected)


def test_relative_positions_of_later_queries() -> None:
    torch.manual_seed(0)
    positions = RelativePositions(num_buckets=8, max_distance=16, num_heads=2, bidirectional=False)
    whole = positions(9, 9)
    assert whole.shape == (1, 2, 9, 9)
    torch.testing.assert_close(positions(2, 9), whole[:, :, 7:])
    assert whole[0, 1, 5, 3] == positions.embedding.weight[2, 1]
