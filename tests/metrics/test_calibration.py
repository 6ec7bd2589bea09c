"""Temperature scaling finds the temperature that was put in, and no better one exists."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from interlace.metrics.calibration import COLDEST, TemperatureScaling
from interlace.metrics.evaluation import CLASS_METRICS, Evaluator


def sample(temperature, rows, num_classes, seed):
    """Overconfident probabilities softmax(z) of labels that are drawn from softmax(z / T)."""
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(0, 2 * temperature, (rows, num_classes)))
    truth = (logits / temperature).softmax(1).numpy()
    labels = np.array([rng.choice(num_classes, p=row) for row in truth])
    return logits, torch.from_numpy(labels)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_recovered(temperature):
    logits, labels = sample(temperature, 8000, 3, 0)
    scaling = TemperatureScaling(max_iterations=100)
    with torch.inference_mode():
        found = scaling.fit(logits.softmax(1), labels)
    assert found == pytest.approx(temperature, rel=0.06)
    torch.testing.assert_close(scaling(logits.softmax(1)), (logits / found).softmax(1), atol=1e-9, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), rows=st.integers(20, 200), num_classes=st.integers(2, 4))
def test_no_other_temperature_is_better(seed, rows, num_classes):
    logits, labels = sample(1.7, rows, num_classes, seed)
    found = TemperatureScaling(max_iterations=200).fit(logits.softmax(1), labels)

    def loss(log_temperature):
        return torch.nn.functional.cross_entropy(logits / math.exp(log_temperature), labels).item()

    best = minimize_scalar(loss, bounds=(math.log(COLDEST), math.log(100.0)), method="bounded")
    assert loss(math.log(found)) <= best.fun + 1e-6


def test_answers_that_are_all_right_end_at_the_coldest():
    probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    scaling = TemperatureScaling(max_iterations=500)
    assert COLDEST <= scaling.fit(probabilities, torch.tensor([0, 1])) < 0.2


def test_the_test_data_are_told_before_and_after_and_teach_nothing():
    logits, labels = sample(3.0, 3000, 3, 1)
    probabilities, half = logits.softmax(1).float(), 1500
    evaluator = Evaluator(CLASS_METRICS, ["a", "b", "c"], {}, scaling=TemperatureScaling(max_iterations=100))
    plain = Evaluator(CLASS_METRICS, ["a", "b", "c"], {})
    val = evaluator(probabilities[:half], labels[:half], {}, "val", final=True)
    found = evaluator(probabilities[half:], labels[half:], {}, "test", final=True)
    usual = plain(probabilities[half:], labels[half:], {}, "test")
    assert {name: found[name] for name in usual} == usual
    assert val["val/temperature"] == pytest.approx(3.0, rel=0.1)
    assert found["test/nll"] == pytest.approx(found["test/loss"], abs=1e-5)
    for name in ("ece", "brier", "nll"):
        assert found[f"test/{name}_calibrated"] < found[f"test/{name}"]
    assert "val/temperature" not in evaluator(probabilities, labels, {}, "val")


@pytest.mark.parametrize("broken", ["validation", "test"])
def test_no_figure_after_scaling_where_a_probability_is_not_finite(broken):
    known = {name: sample(1.0, 50, 3, seed) for seed, name in enumerate(("validation", "test"))}
    known = {name: (logits.softmax(1), labels) for name, (logits, labels) in known.items()}
    known[broken][0][4] = float("nan")
    scaling = TemperatureScaling(max_iterations=50)
    assert math.isnan(scaling.fit(*known["validation"])) == (broken == "validation")
    found = scaling.metrics(*known["test"], "test")
    assert all(math.isnan(value) for name, value in found.items() if name.endswith("_calibrated"))
    assert all(math.isnan(value) == (broken == "test") for name, value in found.items() if "_" not in name)
