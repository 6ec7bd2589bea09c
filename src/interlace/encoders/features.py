"""Precomputed features."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.nn.attention import zero_masked
from interlace.nn.precision import weight_dtype
from interlace.tokens import ModalitySpec, Raw, Tokens


class FeatureMLP(nn.Module):
    """A linear map of each row, or with `hidden` = H a layer of H GELUs before it: (B, N, d) -> (B, N, D).

    A LayerNorm over the d features comes first, since features arrive in any unit; one feature alone, which it
    would erase, goes in as it is. Rows from `length` on are masked, and so are rows that are not finite.
    Parameters: 2 d (if d > 1) + (d + 1) D, or 2 d + (d + 1) H + (H + 1) D.
    """

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        dim: Annotated[int, Field(ge=1)],
        hidden: Annotated[int, Field(ge=1)] | None,
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__()
        self.out_dim = dim
        width = spec.shape[-1]
        layers: list[nn.Module] = [nn.LayerNorm(width)] if width > 1 else []
        if hidden is not None:
            layers += [nn.Linear(width, hidden), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(hidden or width, dim))

    def forward(self, raw: Raw) -> Tokens:
        """Raw features -> Tokens."""
        length = torch.where(raw.present, raw.length, 0)
        x = raw.x.to(weight_dtype(self))
        mask = torch.arange(x.shape[1], device=x.device) < length.unsqueeze(1)
        mask = mask & x.isfinite().all(-1)
        x = zero_masked(self.layers(zero_masked(x, mask)), mask)
        return Tokens(x, mask, mask.any(1))
