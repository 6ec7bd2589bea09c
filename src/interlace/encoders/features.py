"""Precomputed features."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from interlace.data.feature_statistics import BOUND
from interlace.errors import UserError
from interlace.nn.attention import zero_masked
from interlace.nn.positions import SinusoidalPositions
from interlace.nn.precision import weight_dtype
from interlace.tokens import ModalitySpec, Raw, Tokens

POSITION_SCALE = 0.1  # beside features of about unit variance: heard, not louder


class FeatureMLP(nn.Module):
    """A linear map of each row, or with `hidden` = H a layer of H GELUs before it: (B, N, d) -> (B, N, D).

    Features arrive in any unit. `scaling` "columns" first brings each of the d features to mean 0 and standard
    deviation 1 over the training split (`spec.statistics`), as a linear model would be given them, and cuts what lies
    beyond BOUND deviations; "rows" normalises each row over its d features by a LayerNorm, which lets those in large
    units drown the others (one feature alone, which it would erase, goes in as it is). null: columns where the data
    tell their statistics, else rows. Rows from `length` on are masked, and so are rows that are not finite. With
    `positions` sinusoids tell where a row stands, if there can be several (N > 1): without, attention sees a bag of
    rows.
    Parameters: (d + 1) D, or with `hidden` (d + 1) H + (H + 1) D; and 2 d for the LayerNorm of "rows" (d > 1).
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
            raise UserError("encoder.features.scaling: these data do not tell their statistics; take rows, or null")
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

    def forward(self, raw: Raw) -> Tokens:
        """Raw features -> Tokens."""
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
