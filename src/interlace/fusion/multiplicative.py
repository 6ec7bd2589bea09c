"""Multiplicative interactions of pairs."""

from itertools import combinations
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.fusion.base import Fusion, as_one_token, pool, presence
from interlace.tokens import Fused, Tokens


class MultiplicativeFusion(Fusion):
    """h = sum over pairs m < n of z_m' W_mn z_n + sum_m U_m z_m + b (multiplicative interactions, Jayakumar et al.
    2020, eq. 1, which has one pair).

    W_mn (k_m, k_n, D) is a full bilinear map. z_m is the mean of the real tokens, projected to `reduced_dim` = k units
    (null: not projected), zero when the modality is missing, which leaves the terms of the others; h is (B, D). For two
    modalities this is TensorFusion; for more it has products of two modalities only, so that it grows as M^2 k^2 and
    not as (k + 1)^M.

    Parameters, k_m = k or d_m, S = sum_m d_m, K = sum_m k_m, P = sum_{m < n} k_m k_n: D (K + P) + D, and with
    `reduced_dim` k S + M k. FLOPs: 2 D (K + P) + P, + 2 k S with `reduced_dim`.
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
        self.reduced_dim = reduced_dim
        self.widths = [reduced_dim or width for width in in_dims.values()]
        self.reductions = (
            None if reduced_dim is None else nn.ModuleList(nn.Linear(d, reduced_dim) for d in in_dims.values())
        )
        self.joint = nn.Linear(sum(self.widths) + self.num_products(), dim)

    def num_products(self) -> int:
        """P = sum_{m < n} k_m k_n."""
        return sum(a * b for a, b in combinations(self.widths, 2))

    def fuse(self, tokens: list[Tokens]) -> Fused:
        vectors = pool(tokens)
        if self.reductions is not None:
            vectors = [
                reduce(z) * each.present.unsqueeze(1)
                for reduce, z, each in zip(self.reductions, vectors, tokens, strict=True)
            ]
        products = [torch.mul(a.unsqueeze(2), b.unsqueeze(1)).flatten(1) for a, b in combinations(vectors, 2)]
        return as_one_token(self.joint(torch.cat([*vectors, *products], 1)), presence(tokens))

    def expected_parameters(self) -> int:
        total = self.dim * (sum(self.widths) + self.num_products() + 1)
        if self.reduced_dim is not None:
            total += self.reduced_dim * (sum(self.in_dims.values()) + len(self.in_dims))
        return total

    def flops(self, num_tokens: dict[str, int]) -> int:
        products = self.num_products()
        reduction = 0 if self.reduced_dim is None else 2 * self.reduced_dim * sum(self.in_dims.values())
        return 2 * self.dim * (sum(self.widths) + products) + products + reduction
