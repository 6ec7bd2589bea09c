"""What decays."""

from torch import nn

from interlace.optim.adamw import build_adamw
from interlace.optim.parameter_groups import decay_groups


def test_matrices_decay_and_nothing_else():
    module = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3), nn.LayerNorm(3))
    decays, rest = decay_groups(module, 0.1)
    assert [p.shape for p in decays["params"]] == [(3, 4)]
    assert decays["weight_decay"] == 0.1
    assert rest["weight_decay"] == 0.0
    assert sum(p.numel() for g in (decays, rest) for p in g["params"]) == sum(p.numel() for p in module.parameters())


def test_frozen_parameters_are_left_out():
    module = nn.Linear(4, 3)
    module.weight.requires_grad_(False)
    optimizer = build_adamw(module, 1e-3, (0.9, 0.99), 1e-8, 0.1)
    assert [p.shape for g in optimizer.param_groups for p in g["params"]] == [(3,)]
