"""mixup: convex combinations of two examples and of their labels."""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from interlace.tokens import Kind, RawBatch

# Kinds whose averages are valid inputs, unlike those of words or of the edges of a graph.
MIXABLE: frozenset[Kind] = frozenset({"image", "audio", "features", "video"})


class Mixup:
    """mixup (Zhang et al. 2018): x = w x_i + (1 - w) x_j in every modality, y = w y_i + (1 - w) y_j.

    w ~ Beta(alpha, alpha) and the partner j are drawn for each example i. j is any training example with the same
    modalities as i (i itself if there is no other), so that missing modalities stay missing.
    """

    def __init__(self, *, alpha: Annotated[float, Field(gt=0)]) -> None:
        self.alpha = alpha

    def draw(self, rng: np.random.Generator, candidates: np.ndarray) -> tuple[int, float]:
        """Draws the row of the partner, from `candidates`, and the weight w of the example itself."""
        return int(candidates[rng.integers(len(candidates))]), float(rng.beta(self.alpha, self.alpha))


def mix(first: RawBatch, second: RawBatch, weight: Tensor) -> RawBatch:
    """The mixture weight * first + (1 - weight) * second, example by example; weight (B,) float32.

    The shorter of two sequences is padded with zeros, and integers are rounded. If an example is missing from `second`,
    that of `first` is unchanged; if it is missing from `first`, it stays missing.
    """
    width = max(first.x.shape[1], second.x.shape[1])
    one, other = _padded(first.x, width), _padded(second.x, width)
    w = weight.view(-1, *[1] * (one.ndim - 1))
    x = w * one.float() + (1.0 - w) * other.float()
    x = x if one.dtype.is_floating_point else x.round()
    both = first.present & second.present
    kept = torch.where(both.view(w.shape), x.to(one.dtype), one)
    length = torch.where(both, torch.maximum(first.length, second.length), first.length)
    return RawBatch(kept, length, first.present)


def _padded(x: Tensor, width: int) -> Tensor:
    """x (B, T, ...) padded with zeros to T = width."""
    return F.pad(x, [0, 0] * (x.ndim - 2) + [0, width - x.shape[1]]) if x.shape[1] < width else x


def mixed_target(first: Tensor, second: Tensor, weight: Tensor, num_classes: int | None) -> Tensor:
    """The mixed labels: of class ids (B,) the shares (B, C) float32; of numbers (`num_classes` None) numbers (B,)."""
    if num_classes is None:
        return weight * first + (1.0 - weight) * second
    one, other = (F.one_hot(label, num_classes).float() for label in (first, second))
    return weight.unsqueeze(1) * one + (1.0 - weight.unsqueeze(1)) * other
