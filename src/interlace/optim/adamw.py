"""AdamW."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.optim.parameter_groups import decay_groups


def build_adamw(
    module: nn.Module,
    learning_rate: Annotated[float, Field(gt=0)],
    betas: tuple[float, float],
    eps: Annotated[float, Field(gt=0)],
    weight_decay: Annotated[float, Field(ge=0)],
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None,
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2) as one fused kernel, decay on matrices only.

    With `layer_decay` each layer learns at that share of the rate of the layer above it (see `decay_groups`).
    """
    groups = decay_groups(module, weight_decay, learning_rate=learning_rate, layer_decay=layer_decay)
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, eps=eps, fused=True)
