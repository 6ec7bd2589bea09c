"""The formula of gradient blending, worked out by hand."""

import math

import pytest
import torch

from interlace.objectives.weighting.gradient_blending import GradientBlending
from interlace.optim.gradient_blending import Change, Losses, blend, change


def test_change_is_the_fall_of_validation_loss_and_the_growth_of_the_gap():
    # V 2.0 -> 1.2, T 1.9 -> 0.8: G = 0.8; the gap grows from 0.1 to 0.4, O = 0.3.
    found = change(Losses(train=1.9, validation=2.0), Losses(train=0.8, validation=1.2))
    assert found.generalisation == pytest.approx(0.8)
    assert found.overfitting == pytest.approx(0.3)


def test_weights_are_gain_over_squared_overfitting():
    # G / O^2: 0.8 / 0.16 = 5; 0.3 / 0.01 = 30; 0.6 / 0.04 = 15.
    found = blend({"joint": Change(0.8, 0.4), "image": Change(0.3, 0.1), "audio": Change(0.6, -0.2)}, 1e-6)
    assert found == pytest.approx({"joint": 0.1, "image": 0.6, "audio": 0.3})


def test_a_head_that_does_not_generalise_has_no_weight():
    assert blend({"a": Change(-0.5, 0.1), "b": Change(0.1, 0.1)}, 0.01) == {"a": 0.0, "b": 1.0}
    assert blend({"a": Change(-0.5, 0.1), "b": Change(0.0, 0.1)}, 0.01) is None


def test_little_overfitting_is_bounded():
    # Without the floor, a would take 1 - 1e-6 of the weight.
    found = blend({"a": Change(0.1, 0.0), "b": Change(0.1, 0.02)}, 0.02)
    assert found == pytest.approx({"a": 0.5, "b": 0.5})


@pytest.mark.parametrize(
    "lost", [Change(math.nan, 0.1), Change(0.3, math.nan), Change(math.inf, 0.1), Change(-math.inf, math.inf)]
)
def test_a_head_that_diverged_has_no_weight_and_is_told(lost):
    assert blend({"a": lost, "b": Change(0.1, 0.1)}, 0.01) == {"a": 0.0, "b": 1.0}
    assert blend({"a": lost}, 0.01) is None
    weighting = GradientBlending(names=["a", "b"], trial_epochs=None, every_epochs=None, overfitting_floor=0.01)
    with pytest.warns(UserWarning, match="did not stay finite for a, which has no weight"):
        weighting.take({"a": lost, "b": Change(0.1, 0.1)}, 0)
    assert torch.equal(weighting.weights(), torch.tensor([0.0, 1.0]))
