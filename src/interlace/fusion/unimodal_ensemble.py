"""Control: unimodal models, averaged."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from interlace.fusion.late import LateFusion, equal_weights
from interlace.nn.precision import weight_dtype


class UnimodalEnsembleFusion(LateFusion):
    """Control: late mean of unimodal models that are trained separately, each on its own loss.

    Its score needs no joint training, so the gain of a strategy over it is the gain from fusion. The prediction is
    that of LateMeanFusion. The objective reads the two loss weights from the module: the loss is
    `joint_loss_weight` * (loss of the mean) + `unimodal_loss_weight` * sum_m (loss of "unimodal_logits/<m>" over
    the examples that have m). With 0 and 1, as configured, no gradient crosses from one modality to another.

    Shapes: see LateFusion. Parameters, S = sum_m d_m: D S + M D + M (D + 1) C. FLOPs: 2 D S + 2 M D C.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        combine: Literal["logits", "probabilities"],
        joint_loss_weight: Annotated[float, Field(ge=0)],
        unimodal_loss_weight: Annotated[float, Field(ge=0)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes, combine=combine)
        self.joint_loss_weight = joint_loss_weight
        self.unimodal_loss_weight = unimodal_loss_weight

    def weights(self, present: Tensor) -> Tensor:
        return equal_weights(present, weight_dtype(self))
