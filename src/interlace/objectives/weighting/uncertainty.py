"""Weights by learned uncertainty."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from interlace.objectives.weighting.base import LossWeighting


class UncertaintyWeighting(LossWeighting):
    """sum_k exp(-s_k) L_k + s_k / 2 with s_k = log sigma_k^2 learned (Kendall et al. 2018, equations 7 and 10).

    Their regression term is ||y - f||^2 / (2 sigma^2) + log sigma and their classification term CE / sigma^2 + log
    sigma; since our squared error is halved already, both read exp(-s) L + s / 2. Started at s = 0, a weight of 1. At
    the optimum exp(-s_k) = 1 / (2 L_k), i.e. the total is a sum of logarithms of losses. The weight of a loss that goes
    to 0 is unbounded; s is learned at the rate of the model's weights, without decay. Parameters, in training only: K.
    """

    def __init__(self, *, names: Sequence[str]) -> None:
        super().__init__(names=names)
        self.log_variances = nn.Parameter(torch.zeros(len(self.names)))

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        present = torch.tensor([name in losses for name in self.names], device=self.log_variances.device)
        terms = torch.exp(-self.log_variances) * self.ordered(losses).float() + 0.5 * self.log_variances
        return (terms * present).sum()

    def weights(self) -> Tensor:
        return torch.exp(-self.log_variances.detach())
