"""Each policy against plain training that leaves the same update out, over accumulated batches, and across a resume."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from interlace.errors import RunFailure
from interlace.optim.adafactor import build_adafactor
from interlace.tracking.nonfinite import NonfiniteLoss, running_statistics
from tests.tracking.conftest import NUM_BATCHES, Regression
from tests.tracking.test_spikes import BUILDERS

NAN, INFINITE = float("nan"), float("inf")
ALL = {**BUILDERS, "adafactor": lambda m: build_adafactor(m, 0.01, -0.8, 1e-3, 1.0, 0.0)}


def make(policy="skip", max_consecutive=2, lr_factor=0.25):
    return NonfiniteLoss(policy=policy, max_consecutive=max_consecutive, lr_factor=lr_factor)


def scheduled(model):
    """SGD whose rate falls by a tenth an update."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def by_hand(left_out, rate_after, updates=18, per_update=1):
    """Plain SGD with momentum; the update `left_out` is not made, and later rates are `rate_after` times as high."""
    task = Regression(None, {}, None)
    moments = [torch.zeros_like(p) for p in task.model.parameters()]
    for update in range(updates):
        if update == left_out:
            continue
        rate = 0.1 * 0.9**update * (rate_after if update > left_out else 1.0)
        losses = [task.loss(update * per_update + part) for part in range(per_update)]
        gradients = torch.autograd.grad(sum(losses) / per_update, list(task.model.parameters()))
        with torch.no_grad():
            for p, moment, gradient in zip(task.model.parameters(), moments, gradients, strict=True):
                moment.mul_(0.9).add_(gradient)
                p.sub_(rate * moment)
    return dict(task.model.named_parameters())


@pytest.mark.parametrize(("policy", "rate_after"), [("skip", 1.0), ("lower_lr", 0.25)])
@pytest.mark.parametrize("bad", [NAN, INFINITE, -INFINITE])
def test_training_goes_on_as_if_the_update_were_not_there(fit, policy, rate_after, bad):
    callback = make(policy)
    run = fit([callback], build_optimizer=scheduled, spoiled={10: bad})
    for name, value in by_hand(10, rate_after).items():
        torch.testing.assert_close(run.task.weights[-1][name], value, rtol=1e-6, atol=1e-7)
    assert callback.summary() == {"updates_left_out": 1, "learning_rate_factor": rate_after}
    rows = [row for row in run.rows if "train/updates_left_out" in row]
    assert [(row["step"], row["train/updates_left_out"]) for row in rows] == [(11, 1.0)]
    assert rows[0]["train/learning_rate_factor"] == rate_after


@pytest.mark.parametrize("policy", ["skip", "lower_lr"])
def test_one_of_the_accumulated_batches_spoils_their_update(fit, policy):
    rate = {"skip": 1.0, "lower_lr": 0.25}[policy]
    run = fit([make(policy)], build_optimizer=scheduled, accumulate=2, spoiled={9: NAN})
    for name, value in by_hand(4, rate, updates=9, per_update=2).items():
        torch.testing.assert_close(run.task.weights[-1][name], value, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_no_optimizer_moves(fit, name):
    run = fit([make()], build_optimizer=ALL[name], spoiled={0: NAN, 10: NAN})
    changed = [any(not torch.equal(a[n], b[n]) for n in a) for a, b in pairwise(run.task.weights)]
    assert changed == [step != 10 for step in range(1, 18)]
    assert all(bool(v.isfinite().all()) for v in run.task.weights[-1].values())
    start = dict(Regression(None, {}, None).model.named_parameters())
    assert all(torch.equal(value, start[n]) for n, value in run.task.weights[0].items())


@pytest.mark.parametrize("policy", ["skip", "lower_lr"])
@pytest.mark.parametrize("stop_after", [9, 11, 14])
def test_resume_is_exact(fit, policy, stop_after):
    options = {"spoiled": {10: NAN, 15: INFINITE}, "build_optimizer": scheduled}
    expected = fit([make(policy)], name="whole", **options)
    fit([make(policy)], stop_after=stop_after, **options)
    callback = make(policy)
    run = fit([callback], resume=True, **options)
    for n, value in run.task.weights[-1].items():
        assert torch.equal(value, expected.task.weights[-1][n])
    assert callback.summary() == {"updates_left_out": 2, "learning_rate_factor": 1.0 if policy == "skip" else 0.0625}


def test_stop_says_where_and_what_to_try(fit):
    with pytest.raises(RunFailure, match=r"step 11 the loss is nan .* rate of 0.0348678; try a lower .*policy=skip"):
        fit([make("stop")], build_optimizer=scheduled, spoiled={10: NAN})


def test_too_many_in_a_row_stop(fit):
    callback = make(max_consecutive=2)
    fit([callback], name="two", spoiled={4: NAN, 5: NAN, 7: NAN, 8: NAN})
    assert callback.left_out == 4
    with pytest.raises(RunFailure, match="3 updates in a row were not finite: at step 7 the loss is nan"):
        fit([make(max_consecutive=2)], name="three", spoiled={4: NAN, 5: NAN, 6: NAN})


def test_gradients_alone_may_be_spoiled(fit):
    with pytest.raises(RunFailure, match=r"step 1 the loss is [0-9.]+ and the norm of the gradients nan"):
        fit([make("stop")], term=lambda model: (0 * model[0].weight).sum().sqrt())


def test_a_finite_run_is_untouched(fit):
    plain = fit([], name="plain", build_optimizer=scheduled)
    callback = make()
    run = fit([callback], build_optimizer=scheduled)
    assert len(run.task.weights) == 3 * NUM_BATCHES
    assert all(torch.equal(value, plain.task.weights[-1][n]) for n, value in run.task.weights[-1].items())
    assert callback.left_out == 0


def test_running_statistics_are_those_of_batch_norms():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.LayerNorm(3), nn.BatchNorm1d(3, affine=False))
    found = running_statistics(model)
    assert {id(buffer) for buffer in found} == {id(buffer) for buffer in model.buffers()}
    assert len(found) == 6
