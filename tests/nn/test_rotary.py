"""Rotary positions: rotations by the stated angles, and relative."""

import math

import pytest
import torch

from interlace.errors import UserError
from interlace.nn.rotary import RotaryPositions, rotate


def test_numbers_by_complex_multiplication() -> None:
    """Pair (i, i + d/2) as a complex number times exp(i t / base^(2i/d)) (Su et al. 2021, eq. 12 and 34)."""
    torch.manual_seed(0)
    rotary = RotaryPositions(head_dim=6, base=100.0)
    x = torch.randn(2, 5, 2, 3, 6, dtype=torch.float64)
    y = rotate(x, rotary(torch.arange(5), torch.float64))
    angle = torch.tensor([[t * 100.0 ** (-2 * i / 6) for i in range(3)] for t in range(5)], dtype=torch.float64)
    turned = torch.complex(x[..., :3], x[..., 3:]) * torch.polar(torch.ones_like(angle), angle)[None, :, None, None]
    torch.testing.assert_close(y, torch.cat([turned.real, turned.imag], -1), rtol=0, atol=1e-6)


def test_products_depend_on_the_distance_alone() -> None:
    torch.manual_seed(0)
    rotary = RotaryPositions(head_dim=8, base=10000.0)
    q, k = torch.randn(2, 1, 1, 1, 1, 8, dtype=torch.float64)

    def product(at_q: int, at_k: int) -> float:
        turned = (rotate(x, rotary(torch.tensor([at]), torch.float64)) for x, at in ((q, at_q), (k, at_k)))
        a, b = turned
        return float((a * b).sum())

    assert product(9, 4) == pytest.approx(product(105, 100), abs=1e-5)
    assert product(9, 4) != pytest.approx(product(4, 9), abs=1e-3)
    assert product(0, 0) == pytest.approx(float((q * k).sum()))


def test_gradient() -> None:
    rotation = RotaryPositions(head_dim=4, base=10.0)(torch.tensor([[0, 3], [7, 2]]), torch.float64)
    x = torch.randn(2, 2, 2, 1, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rotate(x, rotation), (x,))


def test_half_precision_asks_for_its_tables() -> None:
    rotation = RotaryPositions(head_dim=4, base=10.0)(torch.arange(3), torch.bfloat16)
    assert rotation.cosine.dtype == torch.bfloat16
    assert rotation.cosine.shape == (3, 1, 1, 4)
    assert float(rotation.cosine[2, 0, 0, 0]) == pytest.approx(math.cos(2), abs=2e-3)


def test_odd_heads_are_refused() -> None:
    with pytest.raises(UserError, match="heads need an even width, got 5"):
        RotaryPositions(head_dim=5, base=10.0)
