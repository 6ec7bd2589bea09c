"""Late fusion with equal weights."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from interlace.fusion.late import LateFusion, equal_weights
from interlace.nn.precision import weight_dtype


class LateMeanFusion(LateFusion):
    """Late fusion by the mean rule of Kittler et al. 1998 (eq. 11): w_m = 1 / (number of present modalities).

    The mean of logits or, with `combine` "probabilities", of probabilities; trained on the loss of the mean.
    Shapes, parameters and FLOPs: see LateFusion; D S + M D + M (D + 1) C parameters, 2 D S + 2 M D C FLOPs.
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

    def weights(self, present: Tensor) -> Tensor:
        return equal_weights(present, weight_dtype(self))
