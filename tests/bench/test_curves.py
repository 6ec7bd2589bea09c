"""How costs grow: what torch counts beside the formulas of the strategies, and the fit."""

import pytest

from interlace.bench import curves
from interlace.errors import UserError

LAYERS, DIM = 2, 64  # of all three strategies in conf/fusion


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found(power):
    sizes = [2, 4, 8, 16, 32]
    assert curves.exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power)


def test_only_the_last_points_count():
    assert curves.exponent([1, 2, 4, 8, 16], [100, 100, 16, 64, 256]) == pytest.approx(2)


def test_lengths():
    assert curves.lengths("modalities", 3) == {"m0": 64, "m1": 64, "m2": 64}
    assert curves.lengths("tokens", 65) == {"m0": 32, "m1": 33}


@pytest.mark.parametrize(
    ("name", "scores"),  # queries x keys of one example, by layer: 2 modalities of 32 tokens
    [
        ("bottleneck", [2 * 36 * 36, 2 * 36 * 36]),
        ("perceiver", [8 * 72, 8 * 72]),
        ("attention", [65 * 65, 65]),
    ],
)
def test_a_training_pass_costs_what_the_formula_of_the_strategy_says(name, scores):
    num_tokens = {"m0": 32, "m1": 32}
    fusion, step = curves.step_of(name, num_tokens)
    forward = fusion.flops(num_tokens)
    attention = 4 * DIM * sum(scores)
    # Backward: twice the products of the forward pass, but for the gradient of the input, which nobody wants; and the
    # fused kernel computes its scores again.
    expected = 3 * forward - fusion.adapter_flops(num_tokens) + attention / 2
    assert curves.count_training_flops(step) == pytest.approx(curves.BATCH * expected, rel=0.005)
    assert all(p.grad is not None for p in fusion.parameters())


def test_curves_tell_linear_from_more_than_linear():
    found = curves.curves(axis="modalities", sizes=[8, 2, 4], repeats=1, threads=1)
    assert found["sizes"] == [2, 4, 8]
    assert found["bottleneck flops"] == pytest.approx(1, abs=1e-3)
    assert found["attention flops"] > 1.15
    assert all(len(found[what]["bottleneck"]) == 3 for what in ("milliseconds", "flops", "parameters"))
    assert all(value > 0 for value in found["milliseconds"]["attention"])
    found = curves.curves(axis="tokens", sizes=[256, 512], repeats=1, threads=1)
    assert 0.8 < found["perceiver flops"] < 1 < found["attention flops"]


def test_a_curve_of_one_point_is_an_error():
    with pytest.raises(UserError, match="--sizes 4 4: a curve needs at least two sizes"):
        curves.curves(axis="tokens", sizes=[4, 4], repeats=1, threads=1)
