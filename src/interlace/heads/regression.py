"""Head for regression."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from interlace.tokens import Fused


class RegressionHead(nn.Module):
    """Pooled vector (B, D) -> value (B,): linear, or with `hidden` = H a layer of H GELUs before it.

    `num_classes` is not used; builders pass it to every head.
    Parameters: D + 1, or (D + 1) H + H + 1.
    """

    def __init__(
        self,
        *,
        in_dim: int,
        num_classes: int | None = None,
        hidden: Annotated[int, Field(ge=1)] | None,
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__()
        last = in_dim if hidden is None else hidden
        layers: list[nn.Module] = [] if hidden is None else [nn.Linear(in_dim, hidden), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(last, 1))

    def forward(self, fused: Fused) -> Tensor:
        """Return values (B,)."""
        values: Tensor = self.layers(fused.pooled)
        return values.squeeze(-1)
