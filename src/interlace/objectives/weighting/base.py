"""Base class of loss weightings."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from interlace.errors import UserError


class LossWeighting(nn.Module):
    """Total of named losses: `forward(losses) -> loss`, sum_k w_k L_k, plus terms of the weighting.

    `names` are the losses of the run: "joint" (the main task), the modalities (unimodal heads), further labels, and
    "alignment". It replaces the weights of fusion, heads and objective. Its state is in tensors, so that training
    resumes exactly.
    """

    #: True: every loss needs a gradient in layers that it shares with others.
    needs_shared_trunk: ClassVar[bool] = False

    def __init__(self, *, names: Sequence[str]) -> None:
        super().__init__()
        self.names = list(names)
        if len(self.names) < 2:
            raise UserError(
                f"loss_weighting: this run has one loss only ({', '.join(names)}); add auxiliary=unimodal_heads, "
                "multitask=labels, or a fusion or objective with further losses"
            )

    def ordered(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the losses as one vector (K,), in the order of `names`; 0 for a loss that the batch lacks."""
        zero = next(iter(losses.values())).new_zeros(())
        return torch.stack([losses.get(name, zero) for name in self.names])

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the loss to be minimised, a scalar."""
        return (self.weights().to(next(iter(losses.values()))) * self.ordered(losses)).sum()

    def weights(self) -> Tensor:
        """Return the current weights (K,)."""
        raise NotImplementedError

    def observe(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """Called before `forward` with the losses of each training batch, their graph, and the last shared layers."""

    def metrics(self) -> dict[str, float]:
        """Return the current weights by "weight/<name>", for logging."""
        return {f"weight/{name}": weight.item() for name, weight in zip(self.names, self.weights(), strict=True)}
