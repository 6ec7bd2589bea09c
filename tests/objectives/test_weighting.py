"""Weightings of losses against their papers' formulas."""

import math

import pytest
import torch
from torch import nn

from interlace.configuration.tasks import task_named
from interlace.errors import UserError
from interlace.objectives.multitask import multitask_losses
from interlace.objectives.weighting.fixed import FixedWeighting
from interlace.objectives.weighting.gradient_blending import GradientBlending
from interlace.objectives.weighting.gradnorm import GradNormWeighting, gradient_norm
from interlace.objectives.weighting.uncertainty import UncertaintyWeighting
from interlace.optim.gradient_blending import Change

NAMES = ["joint", "image", "a.b"]


def losses(*values):
    return {name: torch.tensor(float(value)) for name, value in zip(NAMES, values, strict=False)}


def test_fixed_weights():
    weighting = FixedWeighting(names=NAMES, weights={"image": 0.5, "a.b": 0.0}, default=2.0)
    assert weighting(losses(1, 10, 100)).item() == 2 + 5
    assert weighting.metrics() == {"weight/joint": 2.0, "weight/image": 0.5, "weight/a.b": 0.0}
    with pytest.raises(UserError, match=r"weights\.imag: no such loss; did you mean 'image'"):
        FixedWeighting(names=NAMES, weights={"imag": 1.0}, default=1.0)
    with pytest.raises(UserError, match="all weights are 0"):
        FixedWeighting(names=NAMES, weights=None, default=0.0)


def test_one_loss_needs_no_weighting():
    with pytest.raises(UserError, match=r"one loss only \(joint\); add auxiliary"):
        UncertaintyWeighting(names=["joint"])


def test_uncertainty_starts_as_the_sum_and_ends_where_the_gradient_vanishes():
    weighting = UncertaintyWeighting(names=NAMES)
    assert weighting(losses(1, 2, 0.25)).item() == pytest.approx(3.25)
    optimizer = torch.optim.LBFGS(weighting.parameters(), max_iter=200, tolerance_grad=1e-9)

    def closure():
        optimizer.zero_grad()
        loss = weighting(losses(1, 2, 0.25))
        loss.backward()
        return loss

    optimizer.step(closure)
    # d/ds (exp(-s) L + s / 2) = 0 at exp(-s) = 1 / (2 L).
    assert weighting.weights().tolist() == pytest.approx([0.5, 0.25, 2.0], abs=1e-3)
    expected = sum(0.5 + 0.5 * math.log(2 * value) for value in (1, 2, 0.25))
    assert closure().item() == pytest.approx(expected, abs=1e-4)


def test_uncertainty_leaves_out_what_a_batch_lacks():
    weighting = UncertaintyWeighting(names=NAMES)
    with torch.no_grad():
        weighting.log_variances.copy_(torch.tensor([0.0, 1.0, 4.0]))
    assert weighting(losses(1, 2)).item() == pytest.approx(1 + 2 * math.exp(-1) + 0.5)


def test_gradnorm_by_hand():
    weighting = GradNormWeighting(names=["joint", "image"], alpha=1.0, learning_rate=0.1)
    weighting.update(torch.tensor([2.0, 4.0]), torch.tensor([1.0, 3.0]))
    # First batch: rates are 1, the target is the mean norm 2: w = (1 + 0.1 * 1, 1 - 0.1 * 3), scaled to the sum 2.
    expected = [1.1 * 2 / 1.8, 0.7 * 2 / 1.8]
    assert weighting.values.tolist() == pytest.approx(expected)
    # Losses fell to 1/2 and 1/4 of the first: ratios 0.5, 0.25, rates 4/3 and 2/3.
    weighting.update(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 1.0]))
    norms = [expected[0] * 2, expected[1] * 1]
    target = [sum(norms) / 2 * 4 / 3, sum(norms) / 2 * 2 / 3]
    assert norms[0] > target[0]
    assert norms[1] < target[1]
    moved = [expected[0] - 0.1 * 2, expected[1] + 0.1 * 1]
    assert weighting.values.tolist() == pytest.approx([w * 2 / sum(moved) for w in moved])


def test_gradnorm_step_is_the_gradient_of_its_objective():
    """Against autograd on sum_k |w_k ||g_k|| - target_k| with the target held constant."""
    torch.manual_seed(0)
    weighting = GradNormWeighting(names=NAMES, alpha=1.5, learning_rate=0.05)
    weighting.first.copy_(torch.tensor([1.0, 2.0, 3.0]))
    values, norms = torch.tensor([0.5, 1.9, 2.5]), torch.tensor([0.3, 2.0, 1.0])
    w = torch.ones(3, requires_grad=True)
    ratios = values / torch.tensor([1.0, 2.0, 3.0])
    target = (w * norms).mean().detach() * (ratios / ratios.mean()) ** 1.5
    (w * norms - target).abs().sum().backward()
    moved = w.detach() - 0.05 * w.grad
    weighting.update(values, norms)
    torch.testing.assert_close(weighting.values, moved * 3 / moved.sum())


def test_gradnorm_balances_two_losses_of_unlike_scale():
    """Chen et al. 2018, section 4: the loss with the larger gradients gets the smaller weight."""
    torch.manual_seed(0)
    trunk = nn.Linear(4, 4)
    x = torch.randn(32, 4)
    weighting = GradNormWeighting(names=["joint", "image"], alpha=0.0, learning_rate=0.0005)
    for _ in range(1000):
        hidden = trunk(x)
        named = {"joint": hidden.square().mean(), "image": 10 * (hidden - 1).square().mean()}
        weighting.observe(named, [trunk.weight])
    norms = [w * gradient_norm(named[name], [trunk.weight]).item()
             for name, w in zip(named, weighting.values.tolist(), strict=True)]  # fmt: skip
    assert norms[0] == pytest.approx(norms[1], rel=0.1)
    assert weighting.values.sum().item() == pytest.approx(2.0)


def test_gradnorm_waits_for_gradients():
    weighting = GradNormWeighting(names=["joint", "image"], alpha=1.0, learning_rate=0.1)
    trunk = nn.Linear(2, 2)
    reached = trunk(torch.ones(1, 2)).sum()
    apart = nn.Parameter(torch.ones(())) * 2.0
    weighting.observe({"joint": reached, "image": apart}, [trunk.weight])  # the second has no gradient there
    weighting.observe({"joint": reached}, [trunk.weight])
    assert weighting.values.tolist() == [1.0, 1.0]


def test_blending_keeps_its_weights_and_knows_when_a_trial_is_due():
    offline = GradientBlending(names=NAMES, trial_epochs=1, every_epochs=None, overfitting_floor=0.01)
    assert [offline.is_due(epoch) for epoch in range(3)] == [True, False, False]
    assert offline(losses(3, 3, 3)).item() == pytest.approx(3.0)
    offline.take({"joint": Change(0.8, 0.4), "image": Change(0.3, 0.1), "a.b": Change(0.6, 0.2)}, 0)
    assert offline.weights().tolist() == pytest.approx([0.1, 0.6, 0.3])
    assert not offline.is_due(0)  # a run resumed in the first epoch
    online = GradientBlending(names=NAMES, trial_epochs=1, every_epochs=2, overfitting_floor=0.01)
    online.load_state_dict(offline.state_dict())
    assert [online.is_due(epoch) for epoch in range(5)] == [False, False, True, False, True]
    online.take({name: Change(-1.0, 0.1) for name in NAMES}, 2)
    assert online.weights().tolist() == pytest.approx([0.1, 0.6, 0.3])


def test_a_trial_is_as_long_as_its_weights_are_in_use():
    def made(trial_epochs, every_epochs):
        return GradientBlending(
            names=NAMES, trial_epochs=trial_epochs, every_epochs=every_epochs, overfitting_floor=0.01
        )

    assert made(None, None).length_of_trial(0, 7) == 7
    assert [made(None, 3).length_of_trial(epoch, 7) for epoch in (0, 3, 6)] == [3, 3, 1]
    assert made(2, None).length_of_trial(0, 7) == made(2, 3).length_of_trial(6, 7) == 2


def test_losses_of_further_labels_skip_examples_without():
    outputs = {
        "mood": torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 0.0]]),
        "strength": torch.tensor([[1.0], [5.0], [2.0]]),
    }
    labels = {"mood": torch.tensor([0, -1, 1]), "strength": torch.tensor([0.0, float("nan"), 4.0])}
    learned = {"mood": task_named("classification").learning, "strength": task_named("regression").learning}
    found = multitask_losses(outputs, labels, learned, 0.0)
    assert found["loss/mood"].item() == pytest.approx(math.log(2))
    assert found["loss/strength"].item() == pytest.approx(0.5 * (1 + 4) / 2)
    nobody = {"mood": torch.full((3,), -1), "strength": torch.full((3,), float("nan"))}
    assert all(value.item() == 0 for value in multitask_losses(outputs, nobody, learned, 0.0).values())
