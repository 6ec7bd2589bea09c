"""Objective of supervised tasks."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from interlace.configuration.suggestions import did_you_mean
from interlace.data.spellings import canonical
from interlace.errors import UserError
from interlace.nn.precision import at_least_float32
from interlace.tokens import Fused

ClassName = str | int | float | bool  # a configuration may give class "1" as 1


class SupervisedObjective:
    """Cross-entropy for classification, half squared error for regression.

    If `aux` has "unimodal_logits/<m>", these predictions may be trained, too: the loss is
    `joint_weight * joint + unimodal_weight * sum over modalities`, each over the examples that have the modality
    ("unimodal_mask/<m>"). The fusion states its own two weights; `unimodal_weight` here overrides the second.
    "loss/<name>" in `aux` are further losses, already weighted, which are added.

    For imbalanced classes, the cross-entropy (joint and unimodal) of an example can be multiplied by a class weight:
    `class_weights` "balanced" is N / (C n_c) by the counts n_c of the training data, so that the mean weight is 1;
    a dict gives weights by class name, 1 for other classes. Losses stay means over rows, not over weights, so
    that results do not depend on accumulation and ranks. `focal_gamma` > 0 multiplies the term of each class by
    (1 - p_c)^gamma (Lin et al. 2017, equation 4; for more than two classes p is the softmax).
    `class_counts`: the classes in the order of their ids, with their training examples; empty for numbers.
    """

    def __init__(
        self,
        *,
        label_smoothing: Annotated[float, Field(ge=0, lt=1)],
        unimodal_weight: Annotated[float, Field(ge=0)] | None,
        class_weights: Literal["balanced"] | dict[ClassName, Annotated[float, Field(ge=0)]] | None = None,
        focal_gamma: Annotated[float, Field(ge=0)] = 0.0,
        class_counts: Mapping[str, int] | None = None,
    ) -> None:
        self.label_smoothing = label_smoothing
        self.unimodal_weight = unimodal_weight
        self.focal_gamma = focal_gamma
        self.class_weights: Tensor | None = None
        if not class_counts and (class_weights is not None or focal_gamma > 0):
            asked = "class_weights" if class_weights is not None else "focal_gamma"
            raise UserError(f"objective.{asked}: it applies to classes, and these data have none; leave it out")
        if class_weights is not None:
            self.class_weights = weights_of(class_weights, class_counts or {})

    def __call__(
        self,
        prediction: Tensor,
        label: Tensor,
        fused: Fused,
        *,
        each: Callable[[Tensor, Tensor, "SupervisedObjective"], Tensor],
        joint_weight: float,
        unimodal_weight: float,
    ) -> dict[str, Tensor]:
        """Return losses by name: "loss" (total), "loss/joint", and, if present, "loss/<modality>" and those of `aux`.

        `each` (`TaskLearning.losses`) returns the loss of each example (B,) from prediction and label (B, ...).
        """
        weight = unimodal_weight if self.unimodal_weight is None else self.unimodal_weight
        losses = {"loss/joint": each(prediction, label, self).mean()}
        total = joint_weight * losses["loss/joint"]
        for name in [k.removeprefix("unimodal_logits/") for k in fused.aux if k.startswith("unimodal_logits/")]:
            if weight == 0.0:
                break
            own = each(fused.aux[f"unimodal_logits/{name}"], label, self)  # (B,)
            mask = fused.aux[f"unimodal_mask/{name}"].to(own.dtype)
            losses[f"loss/{name}"] = (own * mask).sum() / mask.sum().clamp_min(1.0)
            total = total + weight * losses[f"loss/{name}"]
        for key in [k for k in fused.aux if k.startswith("loss/")]:
            losses[key] = fused.aux[key]
            total = total + losses[key]
        return {"loss": total, **losses}

    def cross_entropy(self, logits: Tensor, label: Tensor) -> Tensor:
        """Return the loss (B,) of logits (B, C) in float32; label (B,) class ids, or the share of each class (B, C)."""
        weights = None if self.class_weights is None else self.class_weights.to(logits)
        if self.focal_gamma > 0:
            return self._focal(logits, label, weights)
        return F.cross_entropy(logits, label, weights, reduction="none", label_smoothing=self.label_smoothing)

    def _focal(self, logits: Tensor, label: Tensor, weights: Tensor | None) -> Tensor:
        """Return the focal loss (B,) of logits (B, C); label (B,) class ids, or the share of each class (B, C)."""
        num_classes = logits.shape[1]
        wanted = label if label.is_floating_point() else F.one_hot(label, num_classes)
        wanted = wanted.to(logits.dtype) * (1 - self.label_smoothing) + self.label_smoothing / num_classes
        log_p = logits.log_softmax(1)
        # 1 - p from the logits: its gradient is finite even if p rounds to 1
        terms = wanted * (self.focal_gamma * _log_rest(log_p)).exp() * log_p
        return -(terms if weights is None else terms * weights).sum(1)


def half_squared_error(prediction: Tensor, label: Tensor) -> Tensor:
    """Return 0.5 (f - y)^2, (B,), of predictions (B,) or (B, 1)."""
    prediction = at_least_float32(prediction)
    return 0.5 * torch.square(prediction.reshape(label.shape) - label.to(prediction.dtype))


def _log_rest(log_p: Tensor) -> Tensor:
    """Return log(1 - p) from log p (B, C), at least the logarithm of the smallest positive number."""
    smallest = torch.finfo(log_p.dtype).tiny
    return (-torch.expm1(log_p)).clamp_min(smallest).log()


def weights_of(
    class_weights: Literal["balanced"] | Mapping[ClassName, float], class_counts: Mapping[str, int]
) -> Tensor:
    """Return the weight of each class (C,). Raises UserError for an unknown class."""
    if class_weights == "balanced":
        counts = torch.tensor(list(class_counts.values()), dtype=torch.float64)
        occurring = counts > 0  # a class without training examples needs no weight
        return torch.where(occurring, counts.sum() / (occurring.sum() * counts.clamp_min(1)), 1.0)
    assert not isinstance(class_weights, str)
    by_name = {canonical(name): float(weight) for name, weight in class_weights.items()}
    for name in by_name:
        if name not in class_counts:
            raise UserError(f"objective.class_weights: no class is called {name!r}; {did_you_mean(name, class_counts)}")
    if not any(by_name.get(name, 1.0) for name, count in class_counts.items() if count):
        raise UserError("objective.class_weights: every class of the training data has weight 0; raise one")
    return torch.tensor([by_name.get(name, 1.0) for name in class_counts], dtype=torch.float64)
