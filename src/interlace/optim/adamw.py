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
    """Build torch's AdamW (Loshchilov and Hutter 2019, algorithm 2), fused, with weight decay on matrices only.

    With `layer_decay` the learning rate of each layer is that of the layer above it times `layer_decay` (see
    `decay_groups`). State: two numbers per weight.
    """
    groups = decay_groups(module, weight_decay, learning_rate=learning_rate, layer_decay=layer_decay)
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, eps=eps, fused=True)
