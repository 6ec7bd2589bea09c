"""Control: one modality alone."""

from typing import Annotated, ClassVar

from pydantic import Field

from interlace.fusion.base import Fusion
from interlace.nn.pooling import masked_mean
from interlace.tokens import Fused, Tokens


class SingleFusion(Fusion):
    """Control: one modality without fusion, h = mean over its real tokens of W x + b.

    Tokens (B, N, D) keep their mask; pooled (B, D) is zero where the modality is missing. More than one modality
    is a UserError: choose one with `modalities`, or a strategy that joins them.

    Parameters: D d + D. FLOPs: 2 N D d.
    """

    max_modalities: ClassVar[int | None] = 1

    def __init__(self, *, in_dims: dict[str, int], dim: Annotated[int, Field(ge=1)], num_classes: int | None) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.adapters = self.make_adapters()

    def fuse(self, tokens: list[Tokens]) -> Fused:
        x, mask, _ = tokens[0]
        x = self.adapters[0](x) * mask.unsqueeze(-1)
        return Fused(x, mask, masked_mean(x, mask), None, {})

    def expected_parameters(self) -> int:
        return self.adapter_parameters()

    def flops(self, num_tokens: dict[str, int]) -> int:
        return self.adapter_flops(num_tokens)
