"""Feed-forward layers by their formulas."""

import pytest
import torch
from torch.nn import functional as F

from interlace.nn.feed_forward import ACTIVATIONS, Activation, FeedForward

EXPECTED = {
    "gelu": lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)),
    "gelu_tanh": lambda x: 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3))),
    "relu": lambda x: x.clamp_min(0),
    "relu_squared": lambda x: x.clamp_min(0) ** 2,
    "silu": lambda x: x / (1 + torch.exp(-x)),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("gated", [False, True])
def test_formulas(activation: Activation, gated: bool) -> None:
    torch.manual_seed(0)
    layer = FeedForward(dim=5, hidden_dim=7, activation=activation, gated=gated).double()
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    h = F.linear(x, layer.up_projection.weight, layer.up_projection.bias)
    act = EXPECTED[activation]
    h = act(h[:, :7]) * h[:, 7:] if gated else act(h)
    torch.testing.assert_close(layer(x), F.linear(h, layer.down_projection.weight, layer.down_projection.bias))
    assert torch.autograd.gradcheck(layer, (x,))


@pytest.mark.parametrize(("gated", "bias", "count"), [(False, True, 82), (True, True, 124), (True, False, 105)])
def test_parameters(gated: bool, bias: bool, count: int) -> None:
    layer = FeedForward(dim=5, hidden_dim=7, gated=gated, bias=bias)
    assert sum(p.numel() for p in layer.parameters()) == count
