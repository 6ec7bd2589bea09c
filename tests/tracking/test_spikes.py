"""Skipping against a plain reference, in each optimizer, over accumulated batches, and across a resume."""

import math
import statistics
from itertools import pairwise

import pytest
import torch

from interlace.errors import UserError
from interlace.nn.transformer import TransformerEncoder
from interlace.optim.adafactor import build_adafactor
from interlace.optim.adamw import build_adamw
from interlace.optim.adamw_scaled import build_adamw_scaled
from interlace.optim.muon import COEFFICIENTS, MuonAdamW
from interlace.optim.sgd import build_sgd
from interlace.tracking.spikes import SpikeSkip, can_skip, gradient_norm

NAN = float("nan")
BUILDERS = {
    "sgd": lambda m: build_sgd(m, 0.1, 0.9, True, 0.0),
    "adamw": lambda m: build_adamw(m, 1e-2, (0.9, 0.99), 1e-8, 0.1),
    "adamw_scaled": lambda m: build_adamw_scaled(m, 1e-2, (0.9, 0.99), 1e-8, 1e-3, 0.1),
    "muon": lambda m: MuonAdamW([
        {"params": [m[0].weight], "row_parts": [[8]], "algorithm": "muon", "lr": 0.02, "momentum": 0.9,
         "nesterov": True, "coefficients": [COEFFICIENTS] * 5, "adjust_lr": "original", "precision": "fp32",
         "weight_decay": 0.1},
        {"params": [m[0].bias, m[2].weight, m[2].bias], "algorithm": "adamw", "lr": 0.01, "betas": (0.9, 0.99),
         "eps": 1e-8, "fused": True, "weight_decay": 0.1},
    ]),
}  # fmt: skip


def make(window=8, sigmas=6.0, norm=False, log=100):
    return SpikeSkip(window=window, sigmas=sigmas, include_gradient_norm=norm, log_every_n_steps=log)


def by_hand(losses, window, sigmas):
    """The rule with Python's statistics module."""
    history, decisions = [], []
    for loss in losses:
        known = [x for x in history[-window:] if math.isfinite(x)]
        spike = not math.isfinite(loss)
        if not spike and len(known) >= max(2, window // 2):
            spike = loss - statistics.mean(known) > sigmas * statistics.stdev(known)
        history.append(loss if math.isfinite(loss) else NAN)
        decisions.append(float(spike))
    return decisions


def test_decisions_are_those_of_the_rule():
    generator = torch.Generator().manual_seed(0)
    losses = (2 + 0.1 * torch.randn(60, generator=generator)).tolist()
    losses[3], losses[20], losses[24], losses[30], losses[31] = 50.0, 2.9, -40.0, NAN, float("inf")
    losses[50:] = [x + 5 for x in losses[50:]]  # a lasting change of level
    skip = make(window=12, sigmas=6.0)
    skip.history, skip.skipped = torch.full((2, 12), NAN), torch.zeros(())
    ours = [float(skip.decide(torch.tensor(x), torch.tensor(0.0))) for x in losses]
    assert ours == by_hand(torch.tensor(losses).tolist(), 12, 6.0)
    assert ours[3] == 0
    assert ours[20] == ours[30] == ours[31] == 1
    assert ours[24] == 0
    assert 0 < sum(ours[50:]) < 4
    assert skip.num_skipped == sum(ours)


def test_norms_are_watched_when_asked():
    skip = make(window=8)
    skip.history, skip.skipped = torch.full((2, 8), NAN), torch.zeros(())
    for k in range(8):
        assert float(skip.decide(torch.tensor(1.0 + 0.01 * k), torch.tensor(3.0 + 0.01 * (k % 3)))) == 0
    assert float(skip.decide(torch.tensor(1.0), torch.tensor(9.0))) == 1


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("factor", [1000.0, NAN])
def test_a_spoiled_update_changes_nothing(fit, name, factor):
    run = fit([make()], build_optimizer=BUILDERS[name], spoiled={10: factor})
    weights = run.task.weights
    changed = [any(not torch.equal(a[n], b[n]) for n in a) for a, b in pairwise(weights)]
    assert changed == [step != 10 for step in range(1, 18)]
    assert all(bool(v.isfinite().all()) for v in weights[-1].values())
    assert not hasattr(run.trainer.optimizers[0], "found_inf")


@pytest.mark.parametrize("name", BUILDERS)
def test_without_spikes_training_is_untouched(fit, name):
    plain = fit([], name="plain", build_optimizer=BUILDERS[name])
    run = fit([make(sigmas=1e9, norm=True)], build_optimizer=BUILDERS[name])
    for n, value in run.task.weights[-1].items():
        torch.testing.assert_close(value, plain.task.weights[-1][n])


def test_a_spike_in_one_of_the_accumulated_batches_skips_the_update(fit):
    run = fit([make()], epochs=4, accumulate=2, spoiled={21: 1000.0})
    weights = run.task.weights[1::2]
    changed = [any(not torch.equal(a[n], b[n]) for n in a) for a, b in pairwise(weights)]
    assert changed == [update != 10 for update in range(1, 12)]


@pytest.mark.parametrize("stop_after", [9, 11, 14])
def test_resume_is_exact(fit, stop_after):
    options = {"spoiled": {10: 1000.0, 15: NAN}, "build_optimizer": BUILDERS["adamw"]}
    expected = fit([make(log=3)], name="whole", **options)
    fit([make(log=3)], stop_after=stop_after, **options)
    skip = make(log=3)
    run = fit([skip], resume=True, **options)
    for n, value in run.task.weights[-1].items():
        assert torch.equal(value, expected.task.weights[-1][n])
    assert skip.num_skipped == 2
    assert [r["train/skipped_steps"] for r in expected.rows if "train/skipped_steps" in r] == [0, 0, 0, 1, 1, 2]


def test_optimizers_that_cannot_skip_are_refused(fit):
    with pytest.raises(UserError, match="Adafactor cannot skip an update"):
        fit([make()], build_optimizer=lambda m: build_adafactor(m, 0.01, -0.8, 1e-3, 1.0, 0.0))
    assert not can_skip(torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], fused=False))


def test_gradient_norm():
    model = TransformerEncoder(dim=8, num_layers=1, num_heads=2, ratio=1, dropout=0.0)
    model(torch.randn(2, 3, 8)).square().sum().backward()
    flat = torch.cat([p.grad.flatten() for p in model.parameters()])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.testing.assert_close(gradient_norm(optimizer), flat.norm())
