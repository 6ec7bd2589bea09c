import numpy as np
import pytest

from interlace.data.additive import additive_logits_accuracy, best_additive_accuracy
from interlace.data.interactions.ceilings import (
    bayes_accuracy,
    bayes_by_subset,
    joint_table,
)

XOR = {"redundant": 0.0, "unique_1": 0.0, "unique_2": 0.0, "synergy": 1.0}
MIXED = {"redundant": 0.3, "unique_1": 0.2, "unique_2": 0.1, "synergy": 0.4}


def test_on_xor_logits_of_an_additive_rule_know_nothing_and_the_best_additive_rule_gets_three_quarters() -> None:
    table = joint_table(2, XOR, 0.0)
    assert bayes_accuracy(table) == pytest.approx(1.0)
    assert bayes_by_subset(table, ["a", "b"]) == {"a": 0.5, "b": 0.5, "a+b": 1.0}
    assert best_additive_accuracy(table) == pytest.approx(0.75)
    assert additive_logits_accuracy(table) == pytest.approx(0.5)


def test_redundant_and_unique_bits() -> None:
    redundant = joint_table(2, {**dict.fromkeys(XOR, 0.0), "redundant": 1.0}, 0.1)
    # Two copies, each wrong one time in ten: both are wrong .01, they differ .18 and then a guess is right half.
    assert bayes_by_subset(redundant, ["a", "b"]) == {"a": 0.9, "b": 0.9, "a+b": 0.9}
    unique = joint_table(2, {**dict.fromkeys(XOR, 0.0), "unique_1": 1.0}, 0.0)
    assert bayes_by_subset(unique, ["a", "b"]) == {"a": 1.0, "b": 0.5, "a+b": 1.0}
    assert best_additive_accuracy(unique) == pytest.approx(1.0)


@pytest.mark.parametrize("num", [2, 3])
@pytest.mark.parametrize("flip", [0.0, 0.15])
def test_the_table_is_what_sampling_gives(num: int, flip: float) -> None:
    mixture = {"redundant": 0.3, **{f"unique_{m + 1}": 0.3 / num for m in range(num)}, "synergy": 0.4}
    table = joint_table(num, mixture, flip)
    assert table.sum() == pytest.approx(1.0)
    rng = np.random.default_rng(0)
    n = 400_000
    shared, own, parts = rng.integers(0, 2, n), rng.integers(0, 2, (n, num)), rng.integers(0, 2, (n, num))
    which = rng.choice(num + 2, n, p=list(mixture.values()))
    y = np.column_stack([shared, own, parts.sum(1) % 2])[np.arange(n), which]
    bits = np.stack([np.repeat(shared[:, None], num, 1), own, parts], 2) ^ (rng.random((n, num, 3)) < flip)
    shown = bits @ np.array([4, 2, 1])
    counts = np.zeros_like(table)
    np.add.at(counts, (y, *shown.T), 1 / n)
    assert np.abs(counts - table).max() < 5 * np.sqrt(table.max() / n)


def test_no_additive_rule_beats_bayes() -> None:
    table = joint_table(2, MIXED, 0.1)
    best = best_additive_accuracy(table)
    assert best is not None
    assert additive_logits_accuracy(table) <= best + 1e-6 <= bayes_accuracy(table) + 2e-6


@pytest.mark.parametrize(
    ("mixture", "best", "by_cross_entropy"),
    [
        ({"unique_1": 0.3, "synergy": 0.7}, 0.75, 0.65),
        ({"redundant": 0.1, "unique_1": 0.15, "unique_2": 0.15, "synergy": 0.6}, 0.6875, 0.6),
    ],
)
def test_mixtures_of_the_recorded_study(mixture: dict[str, float], best: float, by_cross_entropy: float) -> None:
    """The figures that experiments/interactions/README.md tells."""
    table = joint_table(2, dict.fromkeys(XOR, 0.0) | mixture, 0.0)
    assert best_additive_accuracy(table) == pytest.approx(best)
    assert additive_logits_accuracy(table) == pytest.approx(by_cross_entropy)
