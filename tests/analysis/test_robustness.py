"""Missing curves with a known expectation, areas, and the trend over methods."""

import numpy as np
import pytest

from interlace.analysis.robustness import (
    RATES,
    cached_by_pattern,
    curve,
    effective_robustness,
    missing_curve,
    subsets,
)
from interlace.configuration.tasks import task_named
from interlace.metrics.measures import accuracy, r_squared

N = 4000
LABELS = np.random.default_rng(0).integers(0, 2, N)


def by_first(present):
    """Right where modality 0 is there, else the answer is 0."""
    answers = np.where(present[:, 0], LABELS, 0)
    return np.stack([1 - answers, answers], 1)


def found(subset, predict=by_first, draws=4):
    return missing_curve(predict, accuracy, LABELS, names=["a", "b"], subset=subset, draws=draws, seed=0)


def test_the_score_falls_in_proportion_to_what_is_missing():
    base = 1 - LABELS.mean()
    expected = (1 - np.array(RATES)) + np.array(RATES) * base
    got = found(["a"])
    assert got.mean == pytest.approx(expected, abs=0.01)
    assert got.mean[0] == 1.0
    assert got.sd[[0, -1]] == pytest.approx(0.0)  # nothing, or all, is missing: no chance in it
    assert got.area == pytest.approx((1 + base) / 2, abs=0.01)
    assert got.relative == pytest.approx(got.area)
    assert (np.diff(got.mean) <= 0).all()  # common random numbers: what is missing stays missing


def test_a_modality_that_is_not_read_may_be_missing():
    assert found(["b"]).mean == pytest.approx(np.ones(len(RATES)))
    assert found(["a", "b"]).area < 1


def test_a_table_of_patterns_gives_the_same_and_asks_each_once():
    asked = []

    def predict(present):
        asked.append(present[0].tolist())
        assert (present == present[0]).all()
        return by_first(present)

    remembered = cached_by_pattern(predict, 4)
    for subset in (["a"], ["b"], ["a", "b"]):
        assert found(subset, remembered).mean.tolist() == found(subset).mean.tolist()
    assert len(asked) == 4
    full = np.ones((N, 2), dtype=bool)
    assert cached_by_pattern(by_first, 1)(full).tolist() == by_first(full).tolist()


def test_areas_are_those_of_trapezoids():
    got = curve(np.array([[1.0, 1.0], [0.5, 0.7], [0.0, 0.0]]))
    assert got.mean == pytest.approx([1.0, 0.6, 0.0])
    assert got.sd[1] == pytest.approx(np.sqrt(0.02))
    assert got.area == pytest.approx(0.5 * (0.8 + 0.3))
    assert np.isnan(curve(np.array([[0.0], [0.0]])).relative)


def test_subsets():
    assert subsets(["a", "b", "c"])[-1] == ("a", "b", "c")
    assert len(subsets(["a", "b", "c"])) == 7
    assert subsets(list("abcde"), largest=4) == [("a",), ("b",), ("c",), ("d",), ("e",), tuple("abcde")]


def test_methods_on_the_trend_have_no_effective_robustness():
    clean = np.array([0.6, 0.7, 0.8, 0.9, 0.95])
    logit = np.log(clean / (1 - clean))
    degraded = 1 / (1 + np.exp(-(0.7 * logit - 0.4)))
    assert effective_robustness(clean.tolist(), degraded.tolist()) == pytest.approx([0.0] * 5, abs=1e-9)
    better = degraded.copy()
    better[2] += 0.05
    above = effective_robustness(clean.tolist(), better.tolist())
    assert above[2] == max(above) > 0.03
    assert effective_robustness([0.5, 0.6], [0.4, 0.5]) is None
    assert effective_robustness([0.5, 0.5, 0.5], [0.4, 0.5, 0.6]) is None
    assert np.isfinite(effective_robustness([0.0, 0.5, 1.0], [0.0, 0.4, 1.0])).all()


def test_scores():
    y = np.array([1.0, 2.0, 3.0])
    assert r_squared(y, y) == 1.0
    assert r_squared(np.full((3, 1), 2.0), y) == 0.0
    assert r_squared(y, np.ones(3)) == 0.0
    measure = task_named("classification").learning.measure(np.array([0, 1, 1, 1]), np.array([0, 0, 1]))
    assert (measure.name, measure.chance) == ("accuracy", 0.25)
    assert task_named("regression").learning.measure(y, np.array([2.0, 2.0])).chance == 0.0
