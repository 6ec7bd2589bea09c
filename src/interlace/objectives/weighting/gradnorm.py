"""Weights by gradient norms."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.objectives.weighting.base import LossWeighting

SMALLEST = 1e-4  # lower bound, so that weights stay positive


class GradNormWeighting(LossWeighting):
    """Weights that equalise the training rates of losses (GradNorm: Chen et al. 2018, equations 1, 2, algorithm 1).

    With G_k = w_k ||grad_W L_k|| over the last shared layers W, Gbar their mean, and the relative inverse rate r_k =
    (L_k / L_k(0)) / mean_j (L_j / L_j(0)), each batch lowers sum_k |G_k - Gbar r_k^alpha| by a step on w, the target
    held constant: w_k <- w_k - learning_rate sign(G_k - Gbar r_k^alpha) ||grad_W L_k||, and scales the w to sum to K.
    L_k(0) is the loss of the first batch. G_k is linear in w_k: no second derivatives are needed.

    W is the last matrix of each encoder, which the joint and the unimodal losses share, or that of the fusion if all
    losses are computed from its output. Cost: K backward passes down to W per batch. A batch in which a loss is absent
    or has no gradient in W does not change the weights.
    """

    needs_shared_trunk = True
    values: Tensor
    first: Tensor

    def __init__(
        self,
        *,
        names: Sequence[str],
        alpha: Annotated[float, Field(ge=0)],
        learning_rate: Annotated[float, Field(gt=0)],
    ) -> None:
        super().__init__(names=names)
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.register_buffer("values", torch.ones(len(self.names)))
        self.register_buffer("first", torch.full((len(self.names),), torch.nan))

    def weights(self) -> Tensor:
        return self.values

    def observe(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        if any(name not in losses or not losses[name].requires_grad for name in self.names):
            return
        norms = torch.stack([gradient_norm(losses[name], shared) for name in self.names])
        self.update(self.ordered(losses).detach().float(), norms.float())

    @torch.no_grad()
    def update(self, losses: Tensor, norms: Tensor) -> None:
        """Update the weights from the losses (K,) and the norms (K,) of their unweighted gradients."""
        self.first.copy_(torch.where(self.first.isnan(), losses, self.first))
        ratios = losses / self.first.clamp_min(1e-12)
        rates = ratios / ratios.mean().clamp_min(1e-12)
        weighted = self.values * norms
        target = weighted.mean() * rates**self.alpha
        step = self.learning_rate * torch.sign(weighted - target) * norms
        moved = (self.values - step).clamp_min(SMALLEST)
        usable = (moved.isfinite() & (norms > 0)).all()
        self.values.copy_(torch.where(usable, moved * len(self.names) / moved.sum(), self.values))


def gradient_norm(loss: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """Return the 2-norm of d loss / d parameters as one vector; the graph is retained."""
    if not parameters:
        return loss.detach().new_zeros(())
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    found = [gradient for gradient in gradients if gradient is not None]
    return torch.nn.utils.get_total_norm(found) if found else loss.detach().new_zeros(())
