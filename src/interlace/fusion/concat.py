"""Concatenation of pooled vectors."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.fusion.base import Fusion, as_one_token, pool, presence
from interlace.tokens import Fused, Tokens


class ConcatFusion(Fusion):
    """Joint encoding: h = W [z_1; ...; z_M] + b (Ngiam et al. 2011; Baltrusaitis et al. 2019, eq. 1).

    z_m (B, d_m) is the mean of the real tokens, zero when the modality is missing; h is (B, D). With `hidden` = H, a
    hidden layer of H units with GELU comes first: h = W GELU(U [z_1; ...; z_M] + c) + b.

    Parameters: D S + D with S = sum_m d_m; with `hidden`: H S + H + D H + D. FLOPs: 2 D S, or 2 H S + 2 D H.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        hidden: Annotated[int, Field(ge=1)] | None,
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.hidden = hidden
        width = sum(in_dims.values())
        layers: list[nn.Module] = [] if hidden is None else [nn.Linear(width, hidden), nn.GELU()]
        self.joint = nn.Sequential(*layers, nn.Linear(hidden or width, dim))

    def fuse(self, tokens: list[Tokens]) -> Fused:
        return as_one_token(self.joint(torch.cat(pool(tokens), 1)), presence(tokens))

    def expected_parameters(self) -> int:
        width = sum(self.in_dims.values())
        if self.hidden is None:
            return self.dim * width + self.dim
        return self.hidden * (width + 1) + self.dim * (self.hidden + 1)

    def flops(self, num_tokens: dict[str, int]) -> int:
        width = sum(self.in_dims.values())
        if self.hidden is None:
            return 2 * self.dim * width
        return 2 * self.hidden * (width + self.dim)
