"""Sum and product of projected means."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.fusion.base import Fusion, as_one_token, pool, presence
from interlace.tokens import Fused, Tokens


class SumAndProduct(Fusion):
    """h = W [sum_m a_m; prod_m (1 + a_m)] + b with a_m = W_m z_m, which is zero where a modality is missing."""

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.maps = nn.ModuleList(nn.Linear(width, dim, bias=False) for width in in_dims.values())
        self.output = nn.Linear(2 * dim, dim)
        self.dropout = nn.Dropout(dropout)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        """Joins one Tokens a modality."""
        parts = torch.stack([m(z).tanh() for m, z in zip(self.maps, pool(tokens), strict=True)], 1)  # (B, M, D)
        joined = torch.cat([parts.sum(1), (1 + parts).prod(1)], 1)  # (B, 2 D)
        return as_one_token(self.output(self.dropout(joined)), presence(tokens))
