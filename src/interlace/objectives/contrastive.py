"""Contrastive alignment of modalities."""

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.nn.attention import zero_masked
from interlace.nn.pooling import masked_mean
from interlace.nn.precision import at_least_float32
from interlace.tokens import Tokens

LARGEST_SCALE = 100.0  # CLIP, section 2.5: training was unstable at larger scales


class ContrastiveAlignment(nn.Module):
    """Contrastive loss between the modalities of an example, on the output of the encoders (CLIP, Radford et al. 2021,
    figure 3; before the fusion as in ALBEF, Li et al. 2021, section 3.2).

    u_m = P_m z_m / ||P_m z_m||, z_m (B, d_m) the mean of the real tokens, P_m (dim, d_m). For each pair of modalities
    `contrastive_loss` over the examples of the batch that have both, with the scale s = exp(t) <= 100, t learned from
    log(1 / `temperature`); the loss is the mean over the pairs. The negatives are the other examples of the batch on
    this device. It fits any fusion strategy and does not change its input.

    Parameters: dim sum_m d_m + 1. FLOPs of a batch of B: 2 B dim sum_m d_m + 2 B^2 dim for each pair.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        temperature: Annotated[float, Field(gt=0)],
        label_smoothing: Annotated[float, Field(ge=0, lt=1)],
        loss_weight: Annotated[float, Field(gt=0)],
    ) -> None:
        super().__init__()
        self.in_dims = dict(in_dims)
        self.dim = dim
        self.label_smoothing = label_smoothing
        self.loss_weight = loss_weight
        self.projections = nn.ModuleList(nn.Linear(width, dim, bias=False) for width in in_dims.values())
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, tokens: Mapping[str, Tokens]) -> dict[str, Tensor]:
        """Return "loss/alignment" for `Fused.aux`: `loss_weight` times the loss, 0 without a common pair."""
        vectors = []
        for name, project in zip(self.in_dims, self.projections, strict=True):
            if name in tokens:
                x, mask, present = tokens[name]
                mask = mask & present.unsqueeze(1)
                vectors.append((F.normalize(project(masked_mean(zero_masked(x, mask), mask)), dim=1), mask.any(1)))
        scale = self.log_scale.exp().clamp_max(LARGEST_SCALE)
        losses = [
            contrastive_loss(first[both], second[both], scale, self.label_smoothing)
            for (first, has_first), (second, has_second) in combinations(vectors, 2)
            for both in [has_first & has_second]
            if both.sum() > 1
        ]
        mean = torch.stack(losses).mean() if losses else 0.0 * scale
        return {"loss/alignment": self.loss_weight * mean}

    def expected_parameters(self) -> int:
        """Return the parameter count by the formula of the class docstring."""
        return self.dim * sum(self.in_dims.values()) + 1


def contrastive_loss(first: Tensor, second: Tensor, scale: Tensor | float, label_smoothing: float = 0.0) -> Tensor:
    """Return the symmetric InfoNCE loss: row i of `first` (B, P) belongs to row i of `second`; other pairs: negatives.

    The mean of the cross-entropies of scale * first second' by rows and by columns, with i as the class of i (van den
    Oord et al. 2018, eq. 4; CLIP, figure 3).
    """
    scores = at_least_float32(scale * (first @ second.T))  # (B, B)
    own = torch.arange(len(scores), device=scores.device)
    by_rows = F.cross_entropy(scores, own, label_smoothing=label_smoothing)
    by_columns = F.cross_entropy(scores.T, own, label_smoothing=label_smoothing)
    return (by_rows + by_columns) / 2
