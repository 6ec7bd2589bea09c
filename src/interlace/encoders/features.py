"""Precomputed features."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.nn.attention import zero_masked
from interlace.nn.positions import SinusoidalPositions
from interlace.nn.precision import weight_dtype
from interlace.tokens import ModalitySpec, Raw, Tokens

POSITION_SCALE = 0.1  # beside features of about unit variance: heard, not louder


class FeatureMLP(nn.Module):
    """A linear map of each row, or with `hidden` = H a layer of H GELUs before it: (B, N, d) -> (B, N, D).

    A LayerNorm over the d features comes first, since features arrive in any unit; one feature alone, which it would
    erase, goes in as it is. Rows from `length` on are masked, and so are rows that are not finite. With `positions`
    sinusoids tell where a row stands, if there can be several (N > 1): without, attention sees a bag of rows.
    Parameters: 2 d (if d > 1) + (d + 1) D, or 2 d + (d + 1) H + (H + 1) D.
    """

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        dim: Annotated[int, Field(ge=1)],
        hidden: Annotated[int, Field(ge=1)] | None,
        dropout: Annotated[float, Field(ge=0, lt=1)],
        positions: bool,
    ) -> None:
        super().__init__()
        self.out_dim = dim
        width = spec.shape[-1]
        layers: list[nn.Module] = [nn.LayerNorm(width)] if width > 1 else []
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
        x = self.layers(zero_masked(x, mask))
        if self.positions is not None:
            x = self.positions(x)
        x = zero_masked(x, mask)
        return Tokens(x, mask, mask.any(1))
