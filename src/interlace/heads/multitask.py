"""Heads for further labels."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from interlace.configuration.tasks import TaskName
from interlace.tokens import Fused


class MultitaskHeads(nn.Module):
    """One head per further label: pooled (B, D) -> logits (B, C_t), or (B, 1) for a number (hard parameter sharing,
    Caruana 1997); with `hidden` = H a layer of H GELUs before it. Encoders and fusion are the shared trunk.

    `labels`: groups of the data and the task of each. `loss_weight`: weight of each loss relative to the main task,
    unless a `loss_weighting` is configured. `outputs`: C_t by label.

    Parameters: sum_t (D + 1) C_t, or T (D + 1) H + (H + 1) sum_t C_t. FLOPs: 2 D sum_t C_t, or 2 T D H + 2 H sum_t C_t.
    """

    def __init__(
        self,
        *,
        in_dim: int,
        outputs: dict[str, int],
        labels: Annotated[dict[str, TaskName], Field(min_length=1)],
        hidden: Annotated[int, Field(ge=1)] | None,
        loss_weight: Annotated[float, Field(gt=0)],
    ) -> None:
        super().__init__()
        self.labels = dict(labels)
        self.loss_weight = loss_weight
        last = in_dim if hidden is None else hidden
        self.heads = nn.ModuleList(
            nn.Sequential(
                *([] if hidden is None else [nn.Linear(in_dim, hidden), nn.GELU()]), nn.Linear(last, outputs[name])
            )
            for name in labels
        )

    def forward(self, fused: Fused) -> dict[str, Tensor]:
        """Return entries of `Fused.aux`: "task/<label>" (B, C_t)."""
        return {f"task/{name}": head(fused.pooled) for name, head in zip(self.labels, self.heads, strict=True)}
