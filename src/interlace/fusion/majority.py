"""Control: the class prior."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import nn

from interlace.fusion.base import Fusion, presence
from interlace.tokens import Fused, Tokens


class MajorityFusion(Fusion):
    """Control: logits = b, a learned vector (C,), independent of the input.

    The cross-entropy -sum_c n_c log softmax(b)_c over n_c examples of class c has the gradient n softmax(b) - n_c,
    zero at b_c = log(n_c / n) + constant: it learns the log class frequencies and predicts the most frequent class.
    Under squared error (C = 1) it learns the mean. pooled (B, D) is zero. The gain of another strategy over this one
    is the gain from using the inputs.

    Parameters: C. FLOPs: 0.
    """

    decides: ClassVar[bool] = True

    def __init__(self, *, in_dims: dict[str, int], dim: Annotated[int, Field(ge=1)], num_classes: int | None) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        assert num_classes is not None  # checked by the base class
        self.prior = nn.Parameter(torch.zeros(num_classes))

    def fuse(self, tokens: list[Tokens]) -> Fused:
        batch = tokens[0].x.shape[0]
        pooled = self.prior.new_zeros(batch, self.dim)
        present = presence(tokens).any(1, keepdim=True)
        return Fused(pooled.unsqueeze(1), present, pooled, self.prior.expand(batch, -1), {})

    def expected_parameters(self) -> int:
        return len(self.prior)

    def flops(self, num_tokens: dict[str, int]) -> int:
        return 0
