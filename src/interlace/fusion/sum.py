"""Sum, mean or maximum of projected vectors."""

from typing import Annotated, Literal

import torch
from pydantic import Field

from interlace.fusion.base import Fusion, as_one_token, pool, presence
from interlace.tokens import Fused, Tokens


class SumFusion(Fusion):
    """h = sum over the present modalities of (W_m z_m + b_m) (DeepSets, Zaheer et al. 2017, eq. 2).

    z_m (B, d_m) is the mean of the real tokens; h is (B, D), zero when every modality is missing. `reduction`
    "mean" divides by the number of present modalities, which keeps the scale when some are missing; "max" takes
    the elementwise maximum, as PointNet does (Qi et al. 2017, eq. 1).

    Parameters: D S + M D with S = sum_m d_m. FLOPs: 2 D S.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        reduction: Literal["sum", "mean", "max"],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.reduction = reduction
        self.adapters = self.make_adapters()

    def fuse(self, tokens: list[Tokens]) -> Fused:
        present = presence(tokens)
        projected = [adapter(z) for adapter, z in zip(self.adapters, pool(tokens), strict=True)]
        stacked = torch.stack(projected, 1) * present.unsqueeze(-1)  # (B, M, D)
        if self.reduction == "max":
            largest = stacked.masked_fill(~present.unsqueeze(-1), torch.finfo(stacked.dtype).min).amax(1)
            return as_one_token(torch.where(present.any(1, keepdim=True), largest, 0.0), present)
        pooled = stacked.sum(1)
        if self.reduction == "mean":
            pooled = pooled / present.sum(1, keepdim=True).clamp_min(1)
        return as_one_token(pooled, present)

    def expected_parameters(self) -> int:
        return self.adapter_parameters()

    def flops(self, num_tokens: dict[str, int]) -> int:
        return 2 * self.dim * sum(self.in_dims.values())
