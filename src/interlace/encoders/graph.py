"""Graph encoder: graph convolutions, one token per node."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.nn.attention import zero_masked
from interlace.nn.precision import weight_dtype
from interlace.tokens import ModalitySpec, RawBatch, Tokens


class GraphConvolution(nn.Module):
    """Graph convolutional network, one token per node: (B, N, d + M) -> (B, N, D), M the largest number of nodes.

    Row i of a graph holds the node's d features and, in the M columns after them, the weights of its incoming edges.
    After a LayerNorm and a linear map to D, each of L layers aggregates over neighbours (Kipf & Welling 2017, equation
    2, with a residual connection): H <- H + dropout(GELU(A' LayerNorm(H) W)), A' = R^-1/2 (A + I) C^-1/2 with the row
    and column sums R and C of A + I. A LayerNorm follows. The order of the nodes does not matter. Nodes with features
    that are not finite are masked together with their edges.

    Parameters: 2 d (if d > 1) + (d + 1) D + L (D^2 + D + 2 D) + 2 D. FLOPs: 2 N d D + 2 L (N^2 D + N D^2).
    """

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        dim: Annotated[int, Field(ge=1)],
        num_layers: Annotated[int, Field(ge=0)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__()
        self.out_dim = dim
        self.width = spec.shape[1] - spec.shape[0]
        first: list[nn.Module] = [nn.LayerNorm(self.width)] if self.width > 1 else []
        self.embedding = nn.Sequential(*first, nn.Linear(self.width, dim))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(num_layers))
        self.layers = nn.ModuleList(nn.Linear(dim, dim) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw graphs; nodes from `length` on are masked."""
        length = torch.where(raw.present, raw.length, 0)
        num = raw.x.shape[1]
        x = raw.x.to(weight_dtype(self))
        nodes, weights = x[..., : self.width], x[..., self.width : self.width + num]
        weights = F.pad(weights, (0, num - weights.shape[2]))
        mask = torch.arange(num, device=nodes.device) < length.unsqueeze(1)
        mask = mask & nodes.isfinite().all(-1) & (weights.isfinite() | ~mask.unsqueeze(1)).all(-1)
        x = self.embedding(zero_masked(nodes, mask))
        adjacency = normalized(weights, mask)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = x + self.dropout(F.gelu(adjacency @ layer(norm(x))))
        return Tokens(zero_masked(self.norm(x), mask), mask, mask.any(1))


def normalized(weights: Tensor, mask: Tensor) -> Tensor:
    """Normalise edge weights (B, N, N), row = target, column = source: add self-loops and divide by the square roots of
    row and column sums; zero where either node is masked. For symmetric weights: D^-1/2 (A + I) D^-1/2.
    """
    pairs = mask.unsqueeze(1) & mask.unsqueeze(2)
    with_loops = torch.where(
        pairs, weights + torch.eye(weights.shape[1], dtype=weights.dtype, device=weights.device), 0.0
    )
    # Sums of masked rows and columns are zero.
    rows, columns = with_loops.sum(2).clamp_min(1e-12), with_loops.sum(1).clamp_min(1e-12)
    return with_loops * rows.rsqrt().unsqueeze(2) * columns.rsqrt().unsqueeze(1) * pairs
