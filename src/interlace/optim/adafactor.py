"""Adafactor."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from interlace.optim.parameter_groups import decay_groups


def build_adafactor(
    module: nn.Module,
    learning_rate: Annotated[float, Field(gt=0)],
    beta2_decay: Annotated[float, Field(lt=0)],
    eps: Annotated[float, Field(gt=0)],
    clip_threshold: Annotated[float, Field(gt=0)],
    weight_decay: Annotated[float, Field(ge=0)],
) -> torch.optim.Optimizer:
    """Build torch's Adafactor (Shazeer and Stern 2018, algorithms 4 to 6), with weight decay on matrices only.

    The step size of a parameter is min(learning_rate, 1 / sqrt(t)) times the larger of `eps` and its root mean square;
    `clip_threshold` bounds the root mean square of the update. A matrix (n, m) keeps n + m second moments instead of
    n m; there is no momentum.
    """
    groups = decay_groups(module, weight_decay)
    return torch.optim.Adafactor(
        groups, lr=learning_rate, beta2_decay=beta2_decay, eps=(None, eps), d=clip_threshold, foreach=True
    )
