"""Head for classification."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from interlace.tokens import Fused


class ClassificationHead(nn.Module):
    """Pooled vector (B, D) -> logits (B, C): linear, or with `hidden` = H a layer of H GELUs before it.

    Parameters: (D + 1) C, or (D + 1) H + (H + 1) C.
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
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(last, num_classes))

    def forward(self, fused: Fused) -> Tensor:
        """Return logits (B, C)."""
        logits: Tensor = self.layers(fused.pooled)
        return logits
