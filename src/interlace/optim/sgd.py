"""Stochastic gradient descent."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.optim.parameter_groups import decay_groups


def build_sgd(
    module: nn.Module,
    learning_rate: Annotated[float, Field(gt=0)],
    momentum: Annotated[float, Field(ge=0, lt=1)],
    nesterov: bool,
    weight_decay: Annotated[float, Field(ge=0)],
) -> torch.optim.Optimizer:
    """SGD with (Nesterov) momentum, decay on matrices only; without momentum plain SGD.

    Not fused: torch's kernel (2.13) makes momentum for all parameters at once, fails where some are unfrozen later,
    and leaves that of bf16 weights uninitialised on CPUs.
    """
    groups = decay_groups(module, weight_decay)
    return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, nesterov=nesterov and momentum > 0)
