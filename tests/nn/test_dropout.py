"""Dropout: rates, scale, gradient, and repeatability."""

import pytest
import torch

from interlace.nn.dropout import Dropout, build_dropout, dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rate_and_scale(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    y = dropout(torch.ones(1001, 999, dtype=dtype), p)
    zero = y == 0
    # Five standard deviations of a binomial share.
    assert abs(zero.float().mean().item() - p) < 5 * (p * (1 - p) / y.numel()) ** 0.5
    torch.testing.assert_close(y[~zero].float(), torch.full_like(y[~zero], 1 / (1 - p)).float(), rtol=5e-3, atol=0)
    assert y.dtype == dtype


def test_neighbours_are_independent() -> None:
    """Four decisions come from one draw: each pair of lanes agrees as often as chance has it."""
    torch.manual_seed(0)
    lanes = (dropout(torch.ones(400_000), 0.3) == 0).view(-1, 4).float()
    correlation = torch.corrcoef(lanes.t()).fill_diagonal_(0)
    assert correlation.abs().max() < 5 / lanes.shape[0] ** 0.5
    torch.testing.assert_close(lanes.mean(0), torch.full((4,), 0.3), rtol=0, atol=0.01)


def test_the_gradient_passes_where_the_value_did() -> None:
    x = torch.randn(7, 5, requires_grad=True)
    y = dropout(x, 0.4)
    (gradient,) = torch.autograd.grad(y.sum(), [x])
    torch.testing.assert_close(gradient * x, y)


def test_seeds_and_modes() -> None:
    module, x = Dropout(0.5), torch.ones(64)
    torch.manual_seed(3)
    first = module(x)
    torch.manual_seed(3)
    assert torch.equal(module(x), first)
    assert not torch.equal(module(x), first)
    assert torch.equal(module.eval()(x), x)
    assert isinstance(build_dropout(0.0), torch.nn.Identity)
    assert torch.equal(dropout(x, 1e-9), x)
