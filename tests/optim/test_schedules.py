"""Schedules against torch's own and against known points."""

import math

import pytest
import torch

from interlace.optim.schedules import Constant, WarmupCosine, WarmupLinear


def test_cosine_without_warmup_is_torchs_cosine_annealing():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50, eta_min=0.1)
    ours = WarmupCosine(num_steps=50, warmup_fraction=0.0, final_fraction=0.1)
    for step in range(50):
        assert ours(step) == pytest.approx(reference.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        reference.step()


def test_linear_ends_at_its_final_fraction():
    schedule = WarmupLinear(num_steps=100, warmup_fraction=0.1, final_fraction=0.2)
    assert schedule(100) == pytest.approx(0.2)
    assert schedule(55) == pytest.approx(0.6)


@pytest.mark.parametrize("kind", [Constant, WarmupLinear, WarmupCosine])
def test_warmup_rises_in_equal_steps_to_one(kind):
    options = {} if kind is Constant else {"final_fraction": 0.0}
    schedule = kind(num_steps=100, warmup_fraction=0.09, **options)
    values = [schedule(step) for step in range(10)]
    assert values == pytest.approx([k / 10 for k in range(1, 11)])
    assert all(math.isfinite(schedule(step)) for step in range(0, 1000, 37))
