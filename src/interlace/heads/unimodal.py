"""Auxiliary classifiers of single modalities."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from interlace.nn.attention import zero_masked
from interlace.nn.pooling import masked_mean
from interlace.tokens import Tokens


class UnimodalHeads(nn.Module):
    """logits_m = V_m z_m + c_m from the mean z_m (d_m) of each modality's real tokens; with `hidden` = H a layer of H
    GELUs before it. For any fusion strategy (multi-task heads of Wang et al. 2020, figure 3; auxiliary losses).

    The input is the output of the encoders before modality dropout. `loss_weight`: weight of each loss relative to the
    joint one, unless `objective.unimodal_weight` or a `loss_weighting` is configured. With `detach` they are probes:
    their gradients do not reach the encoders, so that joint training is the same as without them.

    Parameters, S = sum_m d_m: C S + M C; with `hidden` H S + M H + M (H + 1) C. FLOPs: 2 C S, or 2 H S + 2 M H C.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        num_classes: int,
        hidden: Annotated[int, Field(ge=1)] | None,
        detach: bool,
        loss_weight: Annotated[float, Field(gt=0)],
    ) -> None:
        super().__init__()
        self.names = tuple(in_dims)
        self.in_dims = dict(in_dims)
        self.num_classes = num_classes
        self.hidden = hidden
        self.detach = detach
        self.loss_weight = loss_weight
        self.classifiers = nn.ModuleList(_classifier(width, hidden, num_classes) for width in in_dims.values())

    def forward(self, tokens: Mapping[str, Tokens]) -> dict[str, Tensor]:
        """Return "unimodal_logits/<name>" (B, C) and "unimodal_mask/<name>" (B,) of the given modalities, for `aux`."""
        found = {}
        for name, classifier in zip(self.names, self.classifiers, strict=True):
            if name in tokens:
                x, mask, present = tokens[name]
                mask = mask & present.unsqueeze(1)
                pooled = masked_mean(zero_masked(x.detach() if self.detach else x, mask), mask)
                found[f"unimodal_logits/{name}"] = classifier(pooled)
                found[f"unimodal_mask/{name}"] = mask.any(1)
        return found

    def expected_parameters(self) -> int:
        """Return the parameter count by the formula of the class docstring."""
        width, count = sum(self.in_dims.values()), len(self.in_dims)
        if self.hidden is None:
            return self.num_classes * (width + count)
        return self.hidden * (width + count) + count * (self.hidden + 1) * self.num_classes


def _classifier(width: int, hidden: int | None, num_classes: int) -> nn.Module:
    if hidden is None:
        return nn.Linear(width, num_classes)
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, num_classes))
