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
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2) as one fused kernel, decay on matrices only."""
    groups = decay_groups(module, weight_decay)
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, eps=eps, fused=True)
