"""Low-rank multimodal fusion."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from interlace.fusion.base import Fusion, as_one_token, pool, presence
from interlace.tokens import Fused, Tokens


class LowRankFusion(Fusion):
    """h = sum_r w_r prod_m ([1; z_m] W_m^r) + b (LMF, Liu et al. 2018, eq. 10, with the rank weights of its code).

    TensorFusion with a weight tensor of CP rank R, computed without building the tensor. z_m (B, d_m) is the mean of
    the real tokens, zero when the modality is missing (its factor is then the row of W_m^r that multiplies the constant
    1); h is (B, D). The factors W_m (R, d_m + 1, D), w (R,) and b (D,) are all trained parameters.

    Parameters, S = sum_m (d_m + 1): R D S + R + D. FLOPs: 2 R D S + (M - 1) R D + 2 R D.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        rank: Annotated[int, Field(ge=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.rank = rank
        self.factors = nn.ParameterList(nn.Parameter(torch.empty(rank, width + 1, dim)) for width in in_dims.values())
        self.rank_weights = nn.Parameter(torch.empty(rank))
        self.bias = nn.Parameter(torch.zeros(dim))
        for factor in self.factors:
            # Glorot over each (d + 1, D) slice: for the 3-d tensor torch would count R into the fan.
            for matrix in factor.data:
                nn.init.xavier_normal_(matrix)
            # Ones in the row of the constant: a product of M factors near zero would have almost no gradient.
            nn.init.ones_(factor.data[:, 0])
        nn.init.normal_(self.rank_weights, std=rank**-0.5)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        factors = [
            torch.einsum("bi,rid->brd", F.pad(z, (1, 0), value=1.0), factor)
            for z, factor in zip(pool(tokens), self.factors, strict=True)
        ]
        product = factors[0]  # (B, R, D)
        for factor in factors[1:]:
            product = product * factor
        pooled = torch.einsum("brd,r->bd", product, self.rank_weights) + self.bias
        return as_one_token(pooled, presence(tokens))

    def expected_parameters(self) -> int:
        width = sum(self.in_dims.values()) + len(self.in_dims)
        return self.rank * self.dim * width + self.rank + self.dim

    def flops(self, num_tokens: dict[str, int]) -> int:
        width = sum(self.in_dims.values()) + len(self.in_dims)
        return self.rank * self.dim * (2 * width + len(self.in_dims) - 1 + 2)
