"""Head for ordinal classification."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.tokens import Fused


class OrdinalHead(nn.Module):
    """Cumulative link model (proportional odds, McCullagh 1980): logits of P(y > k) = sigma(f - theta_k), (B, C - 1).

    f is one score of the pooled vector (B, D): linear, or with `hidden` = H a layer of H GELUs before it. The
    thresholds increase, theta_k = theta_0 + sum_{j <= k} softplus(d_j), so that P(y > k) decreases in k; initially all
    classes have the same probability at f = 0.
    Parameters, with C - 1 thresholds: D + C - 1, or (D + 1) H + H + C - 1.
    """

    def __init__(
        self,
        *,
        in_dim: int,
        num_classes: int,
        hidden: Annotated[int, Field(ge=1)] | None,
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__()
        last = in_dim if hidden is None else hidden
        layers: list[nn.Module] = [] if hidden is None else [nn.Linear(in_dim, hidden), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(last, 1, bias=False))
        theta = torch.logit(torch.arange(1, num_classes + 1, dtype=torch.float64) / (num_classes + 1))
        self.first = nn.Parameter(theta[:1].float())  # C - 1 outputs, one threshold each
        self.steps = nn.Parameter(theta.diff().expm1().log().float())  # inverse of softplus

    def thresholds(self) -> Tensor:
        """Return theta (C - 1,), increasing."""
        return torch.cat([self.first, self.first + F.softplus(self.steps).cumsum(0)])

    def forward(self, fused: Fused) -> Tensor:
        """Return logits of P(y > k), (B, C - 1)."""
        score: Tensor = self.layers(fused.pooled)
        return score - self.thresholds()
