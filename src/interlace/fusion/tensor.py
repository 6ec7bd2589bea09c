"""Tensor fusion network."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from interlace.fusion.base import Fusion, as_one_token, pool, presence
from interlace.tokens import Fused, Tokens


class TensorFusion(Fusion):
    """h = W vec([1; z_1] x ... x [1; z_M]) + b, x the outer product (TFN, Zadeh et al. 2017, eq. 3).

    All products of units of different modalities, up to order M. z_m is the mean of the real tokens, projected to
    `reduced_dim` = k units (null: not projected), since the product grows as (k + 1)^M; it is zero when the modality is
    missing, which leaves the tensor of the others. h is (B, D). Unlike the paper, a linear map and the head replace its
    three-layer inference network, and the encoders replace its embedding networks.

    Parameters, k_m = k or d_m, P = prod_m (k_m + 1): D P + D, and with `reduced_dim` k S + M k, S = sum_m d_m.
    FLOPs: 2 D P + sum over m > 1 of prod_{j <= m} (k_j + 1), + 2 k S with `reduced_dim`.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        reduced_dim: Annotated[int, Field(ge=1)] | None,
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.widths = [reduced_dim or width for width in in_dims.values()]
        self.reduced_dim = reduced_dim
        self.reductions = (
            None if reduced_dim is None else nn.ModuleList(nn.Linear(d, reduced_dim) for d in in_dims.values())
        )
        self.joint = nn.Linear(math.prod(width + 1 for width in self.widths), dim)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        vectors = pool(tokens)
        if self.reductions is not None:
            vectors = [
                reduce(z) * each.present.unsqueeze(1)
                for reduce, z, each in zip(self.reductions, vectors, tokens, strict=True)
            ]
        product = F.pad(vectors[0], (1, 0), value=1.0)  # (B, k_1 + 1)
        for z in vectors[1:]:
            with_one = F.pad(z, (1, 0), value=1.0)
            product = torch.mul(product.unsqueeze(2), with_one.unsqueeze(1)).flatten(1)
        return as_one_token(self.joint(product), presence(tokens))

    def expected_parameters(self) -> int:
        total = self.dim * (math.prod(width + 1 for width in self.widths) + 1)
        if self.reduced_dim is not None:
            total += self.reduced_dim * (sum(self.in_dims.values()) + len(self.in_dims))
        return total

    def flops(self, num_tokens: dict[str, int]) -> int:
        sizes = [math.prod(width + 1 for width in self.widths[: m + 1]) for m in range(len(self.widths))]
        reduction = 0 if self.reduced_dim is None else 2 * self.reduced_dim * sum(self.in_dims.values())
        return 2 * self.dim * sizes[-1] + sum(sizes[1:]) + reduction
