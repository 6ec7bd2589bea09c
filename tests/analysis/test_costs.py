"""Costs against hand counts."""

import torch
from torch import nn

from interlace.analysis.costs import count_flops, count_parameters


class Toy(nn.Module):
    """A matrix product, and a parameter that is an output itself."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(5, 3)
        self.prior = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return self.map(x), self.prior


def test_flops_and_parameters_of_one_matrix_product():
    model = Toy().train()
    model.map.bias.requires_grad_(False)
    x = torch.randn(4, 5)
    assert count_flops(model, lambda: model(x)) == 4 * 2 * 5 * 3
    assert count_parameters(model) == (21, 18)
    assert model.training
    assert [p.requires_grad for p in model.parameters()] == [True, True, False]
