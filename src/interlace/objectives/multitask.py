"""Losses of further labels."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from interlace.nn.precision import at_least_float32


def multitask_losses(
    outputs: Mapping[str, Tensor], labels: Mapping[str, Tensor], label_smoothing: float
) -> dict[str, Tensor]:
    """ "loss/<label>" by label: the mean over the examples that have it, 0 when none has.

    outputs (B, C) logits with labels (B,) int64 (-1: none) give the cross-entropy; outputs (B, 1) with labels (B,)
    float (NaN: none) half the squared error.
    """
    found = {}
    for name, output in outputs.items():
        label = labels[name]
        has = has_label(label)
        if label.is_floating_point():
            each = 0.5 * torch.square(at_least_float32(output.squeeze(-1)) - label.nan_to_num(0.0))
        else:
            each = F.cross_entropy(
                at_least_float32(output), label.clamp_min(0), reduction="none", label_smoothing=label_smoothing
            )
        found[f"loss/{name}"] = (each * has).sum() / has.sum().clamp_min(1)
    return found


def has_label(label: Tensor) -> Tensor:
    """(B,) bool: which examples have the label."""
    return ~label.isnan() if label.is_floating_point() else label >= 0
