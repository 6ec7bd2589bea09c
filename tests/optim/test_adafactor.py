"""Adafactor's step on a known gradient."""

import torch
from torch import nn

from interlace.optim.adafactor import build_adafactor


def test_first_step_is_relative_to_the_size_of_the_weights():
    """beta2 is 0 at t = 1, so a constant gradient gives a unit update: the step is lr RMS(W), clipped at 1."""
    model = nn.Linear(5, 4, bias=False)
    with torch.no_grad():
        model.weight.fill_(2.0)
    optimizer = build_adafactor(model, 0.01, -0.8, 1e-3, 1.0, 0.0)
    model.weight.grad = torch.full_like(model.weight, 0.3)
    optimizer.step()
    torch.testing.assert_close(model.weight.detach(), torch.full((4, 5), 2.0 - 0.01 * 2.0))
    state = optimizer.state[model.weight]
    assert sum(t.numel() for t in state.values() if t.ndim) == 4 + 5
