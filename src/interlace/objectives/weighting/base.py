"""Base class of loss weightings."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from interlace.errors import UserError


class LossWeighting(nn.Module):
    """The total of named losses: `forward(losses) -> loss`, sum_k w_k L_k, plus what the weighting adds.

    `names` are the losses of the run: "joint" (the main task), the modalities (unimodal heads), further labels, and
    "alignment". It takes the place of the weights that fusion, heads and objective state. State is in tensors, so that
    a resumed run goes on exactly.
    """

    #: Whether every loss has to have a gradient in a trunk that it shares with others.
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
        """The losses as one vector (K,), in the order of `names`; a batch that lacks one counts it as 0."""
        zero = next(iter(losses.values())).new_zeros(())
        return torch.stack([losses.get(name, zero) for name in self.names])

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The loss to be minimised, a scalar."""
        return (self.weights().to(next(iter(losses.values()))) * self.ordered(losses)).sum()

    def weights(self) -> Tensor:
        """The present weights (K,)."""
        raise NotImplementedError

    def observe(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """Called with the losses of each training batch, their graph and the last shared layers, before `forward`."""

    def metrics(self) -> dict[str, float]:
        """The present weights by "weight/<name>", for the log."""
        return {f"weight/{name}": weight.item() for name, weight in zip(self.names, self.weights(), strict=True)}
