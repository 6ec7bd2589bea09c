"""The range test on losses whose best rate is known, and that it leaves no trace."""

import copy
import math

import pytest
import torch
from torch import nn

from interlace.errors import UserError
from interlace.optim.adamw import build_adamw
from interlace.optim.range_test import DIVERGENCE, SMOOTHING, RangeTest, find_learning_rate, valley


def test_rates_rise_in_equal_ratios():
    test = RangeTest(lowest=1e-4, highest=1.0, num_steps=41)
    assert [test.rate(k) for k in (0, 10, 20, 40)] == pytest.approx([1e-4, 1e-3, 1e-2, 1.0])


def test_steepest_and_least_of_a_known_curve():
    """A logistic fall in log rate, centred at 1e-3, then a rise; smoothing delays both."""
    test = RangeTest(lowest=1e-6, highest=1.0, num_steps=601)

    def loss(rate):
        return 4 - 3 / (1 + math.exp(-3 * math.log(rate / 1e-3))) + (rate / 0.3) ** 4

    going = True
    step = 0
    while going:
        going = test.record(loss(test.rate(step)))
        step += 1
    result = test.result()
    average, smooth = 0.0, []
    for k in range(len(result.rates)):  # the bias-corrected average, by its definition
        average = SMOOTHING * average + (1 - SMOOTHING) * loss(test.rate(k))
        smooth.append(average / (1 - SMOOTHING ** (k + 1)))
    assert result.losses == pytest.approx(smooth)
    assert result.raw_losses == pytest.approx([loss(r) for r in result.rates])
    falls = [(smooth[k + 1] - smooth[k - 1], k) for k in range(60, len(smooth) - 5) if k + 1 < len(smooth) - 5]
    assert result.steepest == pytest.approx(test.rate(min(falls)[1]), rel=0.03)
    assert 1e-3 < result.steepest < 5e-3
    assert result.minimum == pytest.approx(test.rate(min(range(60, len(smooth) - 5), key=smooth.__getitem__)))


def test_valley_is_the_middle_of_the_longest_fall():
    assert valley([5, 5, 5, 5, 4, 3, 2, 1, 0, 9, 9]) == (8 - 6 + 8) // 2
    noise = [5.0, 5.01, 4.0, 5.02, 5.0, 4.9, 4.8, 4.85, 4.5, 4.2, 3.9, 3.5, 3.0, 8.0]  # one dip before the fall
    assert valley(noise) == (12 - 9 + 12) // 2
    assert valley([1.0, 2.0, 3.0]) == 0


def test_ends_when_the_loss_diverges():
    test = RangeTest(lowest=1e-3, highest=1.0, num_steps=50)
    assert test.record(1.0)
    assert test.record(0.5)
    assert not test.record(1000.0)
    assert not RangeTest(lowest=1e-3, highest=1.0, num_steps=50).record(float("nan"))
    assert DIVERGENCE == 4.0


def make_problem():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 1))
    optimizer = build_adamw(model, 1e-3, (0.9, 0.99), 1e-8, 0.1, layer_decay=None)
    x = torch.randn(5, 32, 4)
    return model, optimizer, [(b, b.sum(1, keepdim=True).sin()) for b in x]


def test_finds_a_rate_that_learns_and_leaves_no_trace():
    model, optimizer, batches = make_problem()

    def loss_of(batch):
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    loss_of(batches[0]).backward()
    optimizer.step()
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict(), [p.grad for p in model.parameters()]))
    random = torch.get_rng_state()
    result = find_learning_rate(model, optimizer, loss_of, batches, highest=10.0, num_steps=120)
    assert 1e-4 < result.valley < 1.0
    assert len(result.rates) <= 120
    assert result.losses[len(result.losses) // 2] < result.losses[0]
    after = (model.state_dict(), optimizer.state_dict(), [p.grad for p in model.parameters()])
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), random)


def test_an_error_leaves_no_trace_either():
    model, optimizer, batches = make_problem()
    before = copy.deepcopy(model.state_dict())
    calls = iter(range(100))

    def loss_of(batch):
        if next(calls) == 7:
            raise RuntimeError("broken batch")
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    with pytest.raises(RuntimeError, match="broken batch"):
        find_learning_rate(model, optimizer, loss_of, batches)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert optimizer.param_groups[0]["lr"] == 1e-3


def test_groups_keep_their_ratio():
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": parameters[:1], "lr": 0.2}, {"params": parameters[1:], "lr": 0.05}])
    RangeTest(lowest=1e-3, highest=1.0, num_steps=31).set_rate(optimizer, 10)
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.01, 0.0025])


def test_what_is_refused():
    with pytest.raises(UserError, match="expected 0 < lowest < highest"):
        RangeTest(lowest=1.0, highest=0.1, num_steps=50)
    with pytest.raises(UserError, match="too few"):
        RangeTest(lowest=0.1, highest=1.0, num_steps=5)
    model, optimizer, _ = make_problem()
    with pytest.raises(UserError, match="no batches"):
        find_learning_rate(model, optimizer, lambda batch: torch.zeros(()), [])
