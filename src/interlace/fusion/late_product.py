"""Late fusion by a product of experts."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.fusion.late import LateFusion, equal_weights
from interlace.nn.precision import weight_dtype


class LateProductFusion(LateFusion):
    """Late fusion by the product rule: p proportional to prod over the present m of p_m (products of experts, Hinton
    2002, eq. 1; Kittler et al. 1998, eq. 7).

    logits = sum_m log softmax(f_m(z_m)): the evidence of the modalities adds up, and a modality that gives a class
    probability near 0 rules it out. Kittler's full rule takes the modalities as independent given the class, so that
    each posterior p_m contains the prior once; `prior` "learned" therefore adds - (n - 1) log softmax(a) for n present
    modalities, with a (C,) learned. "uniform" leaves that term out.
    Trained on the loss of the product. Shapes: see LateFusion; aux "weights" are one for each present modality;
    pooled is the mean of the hidden units. A regression has no probabilities: UserError.

    Parameters, S = sum_m d_m: D S + M D + M (D + 1) C, + C with `prior` "learned" if M > 1. FLOPs: 2 D S + 2 M D C.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        prior: Literal["uniform", "learned"],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes, combine="logits")
        if self.num_outputs < 2:
            raise UserError("LateProductFusion: a regression has no probabilities to multiply; use late_weighted")
        learned = prior == "learned" and len(in_dims) > 1
        self.prior = nn.Parameter(torch.zeros(self.num_outputs)) if learned else None

    def weights(self, present: Tensor) -> Tensor:
        return present.to(weight_dtype(self))

    def pooling_weights(self, present: Tensor) -> Tensor:
        return equal_weights(present, weight_dtype(self))

    def combined(self, logits: Tensor, weights: Tensor, present: Tensor) -> Tensor:
        product = (logits.log_softmax(-1) * weights.unsqueeze(-1)).sum(1)
        if self.prior is None:
            return product
        beyond_one = (weights.sum(1, keepdim=True) - 1).clamp_min(0)
        return product - beyond_one * self.prior.log_softmax(0)

    def expected_parameters(self) -> int:
        return super().expected_parameters() + (0 if self.prior is None else self.num_outputs)
