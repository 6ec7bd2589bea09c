"""Classification and regression."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from interlace.nn.precision import at_least_float32
from interlace.tokens import Fused


class SupervisedObjective:
    """Cross-entropy for classification, half squared error for regression.

    A fusion that returns "unimodal_logits/<m>" in `aux` may have each of them trained as well: the loss is
    `joint_weight * joint + unimodal_weight * sum over modalities`, each over the examples that have the modality
    ("unimodal_mask/<m>"). The fusion states its own two weights; `unimodal_weight` here overrides the second.
    "loss/<name>" in `aux` are losses beside the prediction's, weighed already by the part that made them: added.
    """

    def __init__(
        self,
        *,
        label_smoothing: Annotated[float, Field(ge=0, lt=1)],
        unimodal_weight: Annotated[float, Field(ge=0)] | None,
    ) -> None:
        self.label_smoothing = label_smoothing
        self.unimodal_weight = unimodal_weight

    def __call__(
        self,
        prediction: Tensor,
        label: Tensor,
        fused: Fused,
        *,
        task: Literal["classification", "regression"],
        joint_weight: float,
        unimodal_weight: float,
    ) -> dict[str, Tensor]:
        """Losses by name: "loss" (the total), "loss/joint", and where there are any "loss/<modality>" and `aux`'s own.

        prediction (B, C) logits or (B,) values; label (B,) int64 or float, or the share of each class (B, C) float.
        """
        weight = unimodal_weight if self.unimodal_weight is None else self.unimodal_weight
        losses = {"loss/joint": self._loss(prediction, label, task).mean()}
        total = joint_weight * losses["loss/joint"]
        for name in [k.removeprefix("unimodal_logits/") for k in fused.aux if k.startswith("unimodal_logits/")]:
            if weight == 0.0:
                break
            each = self._loss(fused.aux[f"unimodal_logits/{name}"], label, task)  # (B,)
            mask = fused.aux[f"unimodal_mask/{name}"].to(each.dtype)
            losses[f"loss/{name}"] = (each * mask).sum() / mask.sum().clamp_min(1.0)
            total = total + weight * losses[f"loss/{name}"]
        for key in [k for k in fused.aux if k.startswith("loss/")]:
            losses[key] = fused.aux[key]
            total = total + losses[key]
        return {"loss": total, **losses}

    def _loss(self, prediction: Tensor, label: Tensor, task: str) -> Tensor:
        prediction = at_least_float32(prediction)
        if task == "classification":
            return F.cross_entropy(prediction, label, reduction="none", label_smoothing=self.label_smoothing)
        return 0.5 * torch.square(prediction.reshape(label.shape) - label.to(prediction.dtype))
