"""From a sequence to one vector."""

import torch
from torch import Tensor


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean of x (B, N, D) over the tokens where `mask` (B, N) is True, (B, D); zero where there is none.

    x must be finite under the mask: a weighted sum is one matrix product, but 0 * NaN is NaN.
    """
    weights = mask.to(x.dtype)
    weights = weights / weights.sum(1, keepdim=True).clamp_min(1.0)  # (B, N)
    return torch.bmm(weights.unsqueeze(1), x).squeeze(1)
