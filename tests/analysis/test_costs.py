"""Costs against hand counts."""

import torch
from torch import nn

from interlace.analysis.costs import count_parameters, flops_per_example
from interlace.tokens import Raw


class Toy(nn.Module):
    """A matrix product, and a parameter that is an output itself."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(5, 3)
        self.prior = nn.Parameter(torch.zeros(3))

    def forward(self, inputs):
        return self.map(inputs["a"].x), self.prior


def test_flops_and_parameters_of_one_matrix_product():
    model = Toy().train()
    model.map.bias.requires_grad_(False)
    inputs = {"a": Raw(torch.randn(4, 5), torch.ones(4, dtype=torch.long), torch.ones(4, dtype=torch.bool))}
    assert flops_per_example(model, inputs) == 2 * 5 * 3
    assert count_parameters(model) == (21, 18)
    assert model.training
    assert [p.requires_grad for p in model.parameters()] == [True, True, False]
