"""Pooling of sequences to vectors."""

import torch
from torch import Tensor


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of x (B, N, D) over the tokens where `mask` (B, N) is True, (B, D); zero if there are none.

    x must be finite also at masked tokens: the weighted sum is one matrix product, in which 0 * NaN is NaN.
    """
    weights = mask.to(x.dtype)
    weights = weights / weights.sum(1, keepdim=True).clamp_min(1.0)  # (B, N)
    return torch.bmm(weights.unsqueeze(1), x).squeeze(1)
