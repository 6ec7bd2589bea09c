"""Data types of computation."""

import torch
from torch import Tensor, nn


def weight_dtype(module: nn.Module) -> torch.dtype:
    """Return the dtype of the module's parameters, to which inputs are converted; float32 if it has none.

    Under autocast it stays float32, since autocast itself lowers the precision of products.
    """
    parameter = next(module.parameters(), None)
    return torch.float32 if parameter is None else parameter.dtype


def at_least_float32(x: Tensor) -> Tensor:
    """Return x in float32, or in its own dtype if more precise, as losses and probabilities need."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
