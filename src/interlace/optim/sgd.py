"""Stochastic gradient descent."""

from typing import Annotated, Any

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

    As torch's fused kernel, but for 16-bit weights on a CPU, where that kernel (torch 2.13) takes wrong steps.
    """
    groups = decay_groups(module, weight_decay)
    half = any(p.device.type == "cpu" and p.dtype in (torch.bfloat16, torch.float16) for p in module.parameters())
    optimizer = torch.optim.SGD(
        groups, lr=learning_rate, momentum=momentum, nesterov=nesterov and momentum > 0, fused=not half
    )
    optimizer.register_step_pre_hook(make_momenta)
    return optimizer


def make_momenta(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """Gives every parameter that is trained a momentum of zero, which makes torch's own first step.

    Not only those with a gradient: where a step is given a closure, gradients are made after this.

    Left to itself the fused kernel (torch 2.13) makes the momenta of all parameters in the first step alone: it fails
    where some are unfrozen later, and leaves uninitialised memory where the first step is skipped.
    """
    for group in optimizer.param_groups:
        if group["momentum"] == 0:
            continue
        for parameter in group["params"]:
            if parameter.requires_grad and optimizer.state[parameter].get("momentum_buffer") is None:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
