"""Schedules against torch's own and against known points."""

import math

import pytest
import torch

from interlace.errors import UserError
from interlace.optim.schedules import Constant, InverseSquareRoot, WarmupCosine, WarmupLinear, WarmupStableDecay


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


@pytest.mark.parametrize("shape", ["linear", "one_minus_sqrt"])
def test_wsd_rises_holds_and_falls(shape):
    schedule = WarmupStableDecay(
        num_steps=100, warmup_fraction=0.09, decay_fraction=0.2, shape=shape, final_fraction=0.1
    )
    assert [schedule(s) for s in (0, 4, 9, 50, 79, 80)] == pytest.approx([0.1, 0.5, 1.0, 1.0, 1.0, 1.0])
    quarter = {"linear": 0.75, "one_minus_sqrt": 0.5}[shape]  # x = 1/4
    assert schedule(85) == pytest.approx(0.1 + 0.9 * quarter)
    assert schedule(100) == pytest.approx(0.1)
    assert schedule(150) == pytest.approx(0.1)


def test_wsd_is_torchs_sequence_of_schedules():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    parts = [
        torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0),
        torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.2, total_iters=25),
    ]
    reference = torch.optim.lr_scheduler.SequentialLR(optimizer, parts, milestones=[25])
    ours = WarmupStableDecay(num_steps=50, warmup_fraction=0.0, decay_fraction=0.5, shape="linear", final_fraction=0.2)
    for step in range(50):
        assert ours(step) == pytest.approx(reference.get_last_lr()[0], abs=1e-9), step
        optimizer.step()
        reference.step()


def test_wsd_until_decay_does_not_depend_on_the_length():
    short, long = (
        WarmupStableDecay(num_steps=n, warmup_fraction=10 / n, decay_fraction=0.1, shape="linear", final_fraction=0.0)
        for n in (100, 1000)
    )
    assert [short(s) for s in range(90)] == [long(s) for s in range(90)]


def test_wsd_phases_fit_in_the_run():
    with pytest.raises(UserError, match="at most 1"):
        WarmupStableDecay(num_steps=10, warmup_fraction=0.6, decay_fraction=0.5, shape="linear", final_fraction=0.0)


def test_inverse_square_root_is_the_curve_of_vaswani():
    """min(t^-0.5, t w^-1.5), scaled to 1 at t = w."""
    schedule = InverseSquareRoot(num_steps=1000, warmup_fraction=0.099, timescale_fraction=None)
    w = 100
    for t in (1, 50, 100, 101, 400, 1000):
        assert schedule(t - 1) == pytest.approx(min(t**-0.5, t * w**-1.5) * w**0.5)
    assert schedule(399) == pytest.approx(0.5)


def test_inverse_square_root_of_t5():
    """1 / sqrt(max(t, k)), scaled to 1 at the start: here k = 10^4 of 2^19 updates."""
    schedule = InverseSquareRoot(num_steps=2**19, warmup_fraction=0.0, timescale_fraction=10_000 / 2**19)
    assert [schedule(s) * 0.01 for s in (0, 9_999, 39_999, 2**19 - 1)] == pytest.approx(
        [0.01, 0.01, 0.005, (2**19) ** -0.5]
    )
