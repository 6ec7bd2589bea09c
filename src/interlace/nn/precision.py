"""In which type of number a module computes."""

import torch
from torch import Tensor, nn


def weight_dtype(module: nn.Module) -> torch.dtype:
    """The type of the module's parameters, to which inputs are brought; float32 where it has none.

    float32 under autocast too, which lowers the products by itself.
    """
    parameter = next(module.parameters(), None)
    return torch.float32 if parameter is None else parameter.dtype


def at_least_float32(x: Tensor) -> Tensor:
    """x in float32, or in its own type where that is finer: losses and probabilities want no fewer digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
