"""Head for the first and the last token of a span."""

from torch import Tensor

from interlace.heads.token import TokenHead
from interlace.tokens import Fused

NEVER = -1e4  # finite in half precision


class SpanHead(TokenHead):
    """Logits (B, N, 2) of the first and the last token, of padding NEVER; otherwise a TokenHead."""

    def forward(self, fused: Fused) -> Tensor:
        """Logits (B, N, 2)."""
        return super().forward(fused).masked_fill(~fused.aux["tokens_mask"].unsqueeze(-1), NEVER)
