"""Position encodings: learned, sinusoidal and relative."""

import math

import torch
from torch import Tensor, nn


class LearnedPositions(nn.Module):
    """One learned vector per position, added to x. Parameters: max_length D.

    The vectors are an Embedding, so that they get no weight decay. In a longer sequence the last vector is repeated.
    """

    def __init__(self, *, max_length: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(max_length, dim)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        weight = self.embedding.weight
        length = x.shape[1]
        if length <= len(weight):
            return x + weight[:length]
        index = torch.arange(length, device=x.device).clamp_max(len(weight) - 1)
        return x + self.embedding(index)


class SinusoidalPositions(nn.Module):
    """Sines and cosines of geometrically spaced wavelengths, added to x (Vaswani et al. 2017, section 3.5).

    P[t, 2i] = sin(t / 10000^(2i/D)), P[t, 2i+1] = cos(t / 10000^(2i/D)), times `scale`. No parameters, any length.
    """

    table: Tensor

    def __init__(self, *, max_length: int, dim: int, scale: float = 1.0) -> None:
        super().__init__()
        self.dim = dim
        self.scale = scale
        self.register_buffer("table", sinusoidal_table(max_length, dim) * scale, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        length = x.shape[1]
        if length > len(self.table):
            self.table = (sinusoidal_table(length, self.dim) * self.scale).to(self.table)
        return x + self.table[:length].to(x.dtype)


def sinusoidal_table(length: int, dim: int) -> Tensor:
    """Return the table P of `SinusoidalPositions`, (length, dim)."""
    exponent = torch.arange(0, dim, 2) / dim
    angle = torch.arange(length)[:, None] * torch.exp(-math.log(10000.0) * exponent)  # (length, ceil(dim/2))
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :dim]


class RelativePositions(nn.Module):
    """Learned bias for each head and bucket of relative distance, added to attention scores (Raffel et al. 2020, 2.1).

    Half of the buckets are exact distances, the others cover logarithmic steps up to `max_distance`; if
    `bidirectional`, keys before and after the query have half of the buckets each. Parameters: buckets H.
    """

    def __init__(self, *, num_buckets: int, max_distance: int, num_heads: int, bidirectional: bool) -> None:
        super().__init__()
        self.num_buckets = num_buckets
        self.max_distance = max_distance
        self.bidirectional = bidirectional
        self.embedding = nn.Embedding(num_buckets, num_heads)

    def forward(self, num_queries: int, num_keys: int) -> Tensor:
        """Return the bias (1, H, Nq, Nk) with the last Nq of Nk positions as queries."""
        device = self.embedding.weight.device
        keys = torch.arange(num_keys, device=device)
        relative = keys[None, :] - keys[num_keys - num_queries :, None]  # (Nq, Nk)
        buckets = relative_buckets(relative, self.num_buckets, self.max_distance, bidirectional=self.bidirectional)
        return self.embedding(buckets).permute(2, 0, 1).unsqueeze(0)


def relative_buckets(relative: Tensor, num_buckets: int, max_distance: int, *, bidirectional: bool) -> Tensor:
    """Return the bucket of each relative position, key minus query, as Mesh TensorFlow does (truncated logarithm)."""
    first = torch.zeros_like(relative)
    if bidirectional:
        num_buckets //= 2
        first = (relative > 0) * num_buckets
        distance = relative.abs()
    else:
        distance = -relative.clamp_max(0)
    exact = num_buckets // 2
    steps = torch.log(distance.float() / exact) / math.log(max_distance / exact) * (num_buckets - exact)
    far = (exact + steps.clamp_min(0).long()).clamp_max(num_buckets - 1)
    return first + torch.where(distance < exact, distance, far)
