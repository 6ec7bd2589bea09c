"""Scaled AdamW against its formula in float64 and against torch's AdamW where the two agree."""

import copy

import pytest
import torch
from torch import nn

from interlace.optim.adamw_scaled import ScaledAdamW, build_adamw_scaled

OPTIONS = {"lr": 0.02, "betas": (0.9, 0.999), "eps": 1e-6, "min_scale": 1e-3, "weight_decay": 0.1}


def by_hand(p, gradients, lr, betas, eps, min_scale, weight_decay):
    m = v = torch.zeros_like(p)
    for t, g in enumerate(gradients, 1):
        scale = max(min_scale, float(p.square().mean().sqrt()))
        p = p * (1 - lr * weight_decay)
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        p = p - lr * scale * (m / (1 - betas[0] ** t)) / ((v / (1 - betas[1] ** t)).sqrt() + eps)
    return p


@pytest.mark.parametrize("size", [1e-5, 0.04, 3.0])
def test_steps_follow_the_formula(size):
    torch.manual_seed(0)
    start = torch.randn(7, 5, dtype=torch.float64) * size
    gradients = [torch.randn(7, 5, dtype=torch.float64) for _ in range(5)]
    p = nn.Parameter(start.clone())
    optimizer = ScaledAdamW([p], **OPTIONS)
    for g in gradients:
        p.grad = g
        optimizer.step()
    torch.testing.assert_close(p.detach(), by_hand(start, gradients, **OPTIONS))


def test_weights_of_unit_size_learn_as_with_adamw():
    start = torch.ones(6) * torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    a = ScaledAdamW([ours], **OPTIONS)
    b = torch.optim.AdamW([theirs], lr=0.02, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.1)
    ours.grad = theirs.grad = torch.randn(6)
    a.step()
    b.step()
    torch.testing.assert_close(ours, theirs)


def test_state_survives_a_checkpoint_and_found_inf_skips():
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = build_adamw_scaled(model, 0.02, (0.9, 0.999), 1e-6, 1e-3, 0.1)

    def step(module, optimizer, seed, value=None):
        for p in module.parameters():
            p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(seed)) if value is None else value + p
        optimizer.step()

    step(model, optimizer, 1)
    twin = copy.deepcopy(model)
    again = build_adamw_scaled(twin, 0.02, (0.9, 0.999), 1e-6, 1e-3, 0.1)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    again.found_inf = torch.tensor(1.0)
    step(twin, again, 0, value=float("nan"))
    torch.testing.assert_close(twin.state_dict(), model.state_dict(), rtol=0, atol=0)
    again.found_inf = torch.tensor(0.0)
    step(model, optimizer, 2)
    step(twin, again, 2)
    torch.testing.assert_close(twin.state_dict(), model.state_dict())
