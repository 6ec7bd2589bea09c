"""Position-wise feed-forward network of a transformer."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from interlace.nn.dropout import build_dropout

Activation = Literal["gelu", "gelu_tanh", "relu", "relu_squared", "silu"]


class FeedForward(nn.Module):
    """Linear, activation, linear: D -> F -> D (Vaswani et al. 2017, eq. 2).

    Activations: "gelu" exact and "gelu_tanh" (Hendrycks and Gimpel 2016), "relu", "relu_squared" (So et al. 2021),
    "silu". `gated`: activation(A x) * B x in place of activation(A x) (Shazeer 2020; SwiGLU = silu, gated), A and B
    fused in one matrix, rows of A first. `dropout` acts on the F hidden units (T5).

    Parameters: 2 D F, gated 3 D F; with `bias` F + D more, gated 2 F + D. FLOPs per token: 4 D F, gated 6 D F.
    """

    def __init__(
        self,
        *,
        dim: int,
        hidden_dim: int,
        activation: Activation = "gelu",
        gated: bool = False,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.up_projection = nn.Linear(dim, 2 * hidden_dim if gated else hidden_dim, bias=bias)
        self.activation = ACTIVATIONS[activation]
        self.gated = gated
        self.dropout = build_dropout(dropout)
        self.down_projection = nn.Linear(hidden_dim, dim, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        h = self.up_projection(x)
        if self.gated:
            gate, up = h.chunk(2, -1)
            h = self.activation(gate) * up
        else:
            h = self.activation(h)
        return self.down_projection(self.dropout(h))


def gelu_tanh(x: Tensor) -> Tensor:
    """Compute GELU with the tanh approximation, as in GPT-2 and T5 v1.1."""
    return F.gelu(x, approximate="tanh")


def relu_squared(x: Tensor) -> Tensor:
    """Compute max(x, 0)^2."""
    return _ReLUSquared.apply(x)


class _ReLUSquared(torch.autograd.Function):
    """max(x, 0)^2 in two passes over memory forward and backward, instead of three and four."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = F.relu(x)
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        return (gradient * positive).mul_(2)


ACTIVATIONS: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": gelu_tanh,
    "relu": torch.relu,
    "relu_squared": relu_squared,
    "silu": F.silu,
}
