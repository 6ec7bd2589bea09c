"""Head for predictions of single tokens."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.tokens import Fused


class TokenHead(nn.Module):
    """Tokens of one modality (B, N, E), each with the pooled vector (B, D) of all -> logits (B, N, C): linear, or with
    `hidden` = H a layer of H GELUs before it.

    The tokens are those of the encoder (`Fused.aux["tokens"]`), since the fusion may reorder or resample them.
    Parameters: (E + D + 1) C, or (E + D + 1) H + (H + 1) C.
    """

    def __init__(
        self,
        *,
        in_dim: int,
        token_dim: int,
        num_classes: int,
        hidden: Annotated[int, Field(ge=1)] | None,
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__()
        width = in_dim + token_dim
        last = width if hidden is None else hidden
        layers: list[nn.Module] = [] if hidden is None else [nn.Linear(width, hidden), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(last, num_classes))

    def forward(self, fused: Fused) -> Tensor:
        """Return logits (B, N, C)."""
        tokens = fused.aux["tokens"]
        pooled = fused.pooled.unsqueeze(1).expand(-1, tokens.shape[1], -1)
        logits: Tensor = self.layers(torch.cat([tokens, pooled], dim=-1))
        return logits
