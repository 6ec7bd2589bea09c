"""Factorised bilinear pooling of any number of modalities."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.fusion.base import Fusion, as_one_token, pool, presence
from interlace.tokens import Fused, Tokens

EPSILON = 1e-6  # added under the square root, whose derivative at zero is infinite


class MFBFusion(Fusion):
    """Multimodal factorised bilinear pooling (MFB, Yu et al. 2017, eqs. 2-3 and figure 2), as one M-way product.

    p = SumPool_K(prod over the present m of (U_m z_m + c_m)): U_m (K D, d_m), sums over D windows of K units. Then
    power and L2 normalisation: y = sign(p) sqrt(|p|), h = y / ||y||. Two modalities: p_o = z_1' W_o z_2, W_o of rank K;
    K = 1 is the low-rank bilinear pooling of MLB (Kim et al. 2017), without its tanh. Unlike the paper, the factors
    have biases c_m, the tokens are averaged where the paper attends over them, and there may be more than two
    modalities. z_m (B, d_m) is the mean of the real tokens. A missing modality is left out of the product, which for
    one present modality is a projection; all missing: h is zero. With `normalize` False h = p. `dropout` acts before
    the sum, as in the paper.

    Parameters, S = sum_m d_m: K D S + M K D. FLOPs: 2 K D S + (M - 1) K D + K D.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        num_factors: Annotated[int, Field(ge=1)],
        normalize: bool,
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.num_factors = num_factors
        self.normalize = normalize
        self.projections = nn.ModuleList(nn.Linear(width, num_factors * dim) for width in in_dims.values())
        self.dropout = nn.Dropout(dropout)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        present = presence(tokens)
        factors = [
            torch.where(each.present.unsqueeze(1), project(z), 1.0)
            for project, z, each in zip(self.projections, pool(tokens), tokens, strict=True)
        ]
        product = torch.stack(factors).prod(0) if len(factors) > 1 else factors[0]  # (B, K D)
        pooled = self.dropout(product).unflatten(1, (self.dim, self.num_factors)).sum(2)
        if self.normalize:
            pooled = F.normalize(signed_root(pooled), dim=1, eps=EPSILON)
        pooled = torch.where(present.any(1, keepdim=True), pooled, 0.0)
        return as_one_token(pooled, present)

    def expected_parameters(self) -> int:
        return self.num_factors * self.dim * (sum(self.in_dims.values()) + len(self.in_dims))

    def flops(self, num_tokens: dict[str, int]) -> int:
        return self.num_factors * self.dim * (2 * sum(self.in_dims.values()) + len(self.in_dims))


def signed_root(x: Tensor) -> Tensor:
    """sign(x) sqrt(|x|), with a finite derivative at zero."""
    return x / (x.abs() + EPSILON).sqrt()
