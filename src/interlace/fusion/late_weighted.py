"""Late fusion with learned weights."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.fusion.late import LateFusion, equal_weights
from interlace.nn.precision import weight_dtype


class LateWeightedFusion(LateFusion):
    """Late fusion with one learned weight per modality: w = softmax over the present m of a_m, a (M,) learned
    (weighted linear combination of decisions; Atrey et al. 2010, section 3.1.1).

    a starts at zero, which is the mean. When a modality is missing the weights of the others are renormalised. With one
    modality there is no weight. Shapes: see LateFusion. Parameters, S = sum_m d_m: D S + M D + M (D + 1) C, + M if
    M > 1.
    FLOPs: 2 D S + 2 M D C.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        combine: Literal["logits", "probabilities"],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes, combine=combine)
        self.scores = nn.Parameter(torch.zeros(len(in_dims))) if len(in_dims) > 1 else None

    def weights(self, present: Tensor) -> Tensor:
        if self.scores is None:
            return equal_weights(present, weight_dtype(self))
        scores = self.scores.expand_as(present)
        weights = scores.masked_fill(~present, torch.finfo(scores.dtype).min).softmax(1)
        return weights * present

    def expected_parameters(self) -> int:
        return super().expected_parameters() + (len(self.in_dims) if len(self.in_dims) > 1 else 0)
