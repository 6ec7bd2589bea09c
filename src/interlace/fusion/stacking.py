"""Meta-learner over unimodal predictions."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.fusion.late import LateFusion, equal_weights
from interlace.nn.precision import weight_dtype


class StackingFusion(LateFusion):
    """Stacking: a linear meta-learner over the predictions of unimodal models (Wolpert 1992; with class
    probabilities, Ting and Witten 1999, section 2).

    logits = sum over the present m of (V_m l_m + a_m), l_m = log softmax(f_m(z_m)) (a regression: f_m(z_m) itself).
    Each f_m learns from its own loss only and the meta-learner from the joint loss only: l_m is detached, so no
    gradient of the joint loss reaches a classifier or an encoder. V_m starts as the identity / M. The loss is
    `joint_loss_weight` * (loss of the meta-learner) + `unimodal_loss_weight` * sum_m (loss of f_m).

    The meta-learner is not trained on out-of-fold predictions: both levels see the same training examples at the same
    time, so it relies too much on unimodal models that overfit. Compare held-out metrics only, as for every strategy.

    Shapes: see LateFusion. Parameters, S = sum_m d_m: D S + M D + M (D + 1) C + M (C^2 + C).
    FLOPs: 2 D S + 2 M D C + 2 M C^2.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        joint_loss_weight: Annotated[float, Field(gt=0)],
        unimodal_loss_weight: Annotated[float, Field(gt=0)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes, combine="logits")
        self.joint_loss_weight = joint_loss_weight
        self.unimodal_loss_weight = unimodal_loss_weight
        self.meta = nn.ModuleList(nn.Linear(self.num_outputs, self.num_outputs) for _ in in_dims)
        with torch.no_grad():
            for linear in self.meta:
                linear.weight.copy_(torch.eye(self.num_outputs) / len(in_dims))  # type: ignore[operator]
                linear.bias.zero_()  # type: ignore[operator]

    def weights(self, present: Tensor) -> Tensor:
        return equal_weights(present, weight_dtype(self))

    def combined(self, logits: Tensor, weights: Tensor, present: Tensor) -> Tensor:
        decisions = logits.detach()
        if self.num_outputs > 1:
            decisions = F.log_softmax(decisions, -1)
        votes = [linear(each) for linear, each in zip(self.meta, decisions.unbind(1), strict=True)]
        return (torch.stack(votes, 1) * present.unsqueeze(-1)).sum(1)

    def expected_parameters(self) -> int:
        return super().expected_parameters() + len(self.in_dims) * self.num_outputs * (self.num_outputs + 1)

    def flops(self, num_tokens: dict[str, int]) -> int:
        return super().flops(num_tokens) + 2 * len(self.in_dims) * self.num_outputs**2
