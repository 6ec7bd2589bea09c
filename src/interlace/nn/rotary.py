"""Rotary positions: queries and keys are rotated by an angle proportional to the position."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from interlace.errors import UserError


class Rotation(NamedTuple):
    """Cosines and signed sines of the angle of each position and pair, each (T, 1, 1, d) or (B, T, 1, 1, d)."""

    cosine: Tensor
    sine: Tensor


class RotaryPositions(nn.Module):
    """Angles t / base^(2i/d) for pairs (i, i + d/2) of each head (Su et al. 2021, eq. 34; halves as in GPT-NeoX).

    No parameters, any length.
    """

    frequencies: Tensor

    def __init__(self, *, head_dim: int, base: float) -> None:
        super().__init__()
        if head_dim % 2:
            raise UserError(f"positions=rotary: heads need an even width, got {head_dim}; change dim or num_heads")
        frequencies = base ** -(torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
        self.register_buffer("frequencies", frequencies.float(), persistent=False)

    def forward(self, positions: Tensor, dtype: torch.dtype) -> Rotation:
        """Return the rotation of positions (T,) or (B, T) int64 in the dtype of the queries."""
        angle = positions.unsqueeze(-1) * self.frequencies  # (..., T, d/2)
        sine, cosine = angle.sin(), angle.cos()
        return Rotation(
            torch.cat([cosine, cosine], -1)[..., None, None, :].to(dtype),
            torch.cat([-sine, sine], -1)[..., None, None, :].to(dtype),
        )


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Rotate x (B, T, n, H, d): the halves (a, b) become (a cos - b sin, b cos + a sin)."""
    return _Rotate.apply(x, rotation.cosine, rotation.sine)


class _Rotate(torch.autograd.Function):
    """Rotation in three passes over x instead of six; the backward pass rotates the gradient back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        ctx.save_for_backward(cosine, sine)
        return torch.addcmul(x * cosine, x.roll(x.shape[-1] // 2, -1), sine)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cosine, sine = ctx.saved_tensors
        half = gradient.shape[-1] // 2
        return torch.addcmul(gradient * cosine, gradient.roll(half, -1), sine, value=-1), None, None
