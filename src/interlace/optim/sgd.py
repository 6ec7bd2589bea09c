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
    """Build SGD with (Nesterov) momentum, with weight decay on matrices only; momentum 0: plain SGD.

    It uses torch's fused kernel, except for 16-bit weights on CPUs, where that kernel (torch 2.13) computes wrong
    steps. State: one number per weight.
    """
    groups = decay_groups(module, weight_decay)
    half = any(p.device.type == "cpu" and p.dtype in (torch.bfloat16, torch.float16) for p in module.parameters())
    optimizer = torch.optim.SGD(
        groups, lr=learning_rate, momentum=momentum, nesterov=nesterov and momentum > 0, fused=not half
    )
    optimizer.register_step_pre_hook(make_momenta)
    return optimizer


def make_momenta(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """Initialise the momentum of every trained parameter with zero, which gives the same first step as torch.

    This includes parameters without a gradient, since a closure passed to the step computes gradients after this hook.
    Without it the fused kernel (torch 2.13) creates the momenta of all parameters in the first step only: it fails if
    some are unfrozen later, and leaves memory uninitialised if the first step is skipped.
    """
    for group in optimizer.param_groups:
        if group["momentum"] == 0:
            continue
        for parameter in group["params"]:
            if parameter.requires_grad and optimizer.state[parameter].get("momentum_buffer") is None:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
