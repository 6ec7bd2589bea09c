"""Encoder of precomputed features."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from interlace.data.feature_statistics import BOUND
from interlace.errors import UserError
from interlace.nn.attention import zero_masked
from interlace.nn.positions import SinusoidalPositions
from interlace.nn.precision import weight_dtype
from interlace.tokens import ModalitySpec, RawBatch, Tokens

POSITION_SCALE = 0.1  # added to features of about unit variance: large enough to use, too small to dominate


class FeatureMLP(nn.Module):
    """Linear map of each row, or with `hidden` = H an MLP with a hidden layer of H GELUs: (B, N, d) -> (B, N, D).

    Features may have any unit. `scaling` "columns" standardises each of the d features to mean 0 and standard deviation
    1 over the training split (`spec.statistics`) and clips values beyond BOUND standard deviations; "rows" applies a
    LayerNorm over the d features of each row, in which features with large units dominate (a single feature, which it
    would erase, is left unchanged). null: columns if the data provide statistics, else rows. Rows from `length` on and
    rows that are not finite are masked. With `positions` sinusoidal positions are added if there can be several rows
    (N > 1); without them attention sees an unordered set of rows.

    Parameters: (d + 1) D, or with `hidden` (d + 1) H + (H + 1) D; and 2 d for the LayerNorm of "rows" (d > 1).
    FLOPs: 2 N d D, or with `hidden` 2 N H (d + D).
    """

    center: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        dim: Annotated[int, Field(ge=1)],
        hidden: Annotated[int, Field(ge=1)] | None,
        dropout: Annotated[float, Field(ge=0, lt=1)],
        positions: bool,
        scaling: Literal["columns", "rows"] | None,
    ) -> None:
        super().__init__()
        self.out_dim = dim
        width = spec.shape[-1]
        if scaling == "columns" and spec.statistics is None:
            raise UserError("encoder.features.scaling: these data provide no statistics for columns; use rows or null")
        self.by_column = scaling != "rows" and spec.statistics is not None
        if self.by_column:
            center, scale = spec.statistics or ((), ())
            self.register_buffer("center", torch.tensor(center, dtype=torch.float64).float())
            self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64).float())
        layers: list[nn.Module] = [nn.LayerNorm(width)] if width > 1 and not self.by_column else []
        if hidden is not None:
            layers += [nn.Linear(width, hidden), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(hidden or width, dim))
        rows = spec.shape[0]
        self.positions = (
            SinusoidalPositions(max_length=rows, dim=dim, scale=POSITION_SCALE) if positions and rows > 1 else None
        )

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw features."""
        length = torch.where(raw.present, raw.length, 0)
        x = raw.x.to(weight_dtype(self))
        mask = torch.arange(x.shape[1], device=x.device) < length.unsqueeze(1)
        mask = mask & x.isfinite().all(-1)
        x = zero_masked(x, mask)
        x = self.layers(((x - self.center) / self.scale).clamp(-BOUND, BOUND) if self.by_column else x)
        if self.positions is not None:
            x = self.positions(x)
        x = zero_masked(x, mask)
        return Tokens(x, mask, mask.any(1))
