"""Range, direction and name of every metric that a run of classes or numbers can report."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.configuration.tasks import task_named
from interlace.metrics.calibration import TemperatureScaling
from interlace.metrics.chosen import CLASSIFICATION, REGRESSION, ChosenMetrics
from interlace.metrics.directions import LESS_IS_BETTER, MORE_IS_BETTER, best_of, metric_of
from interlace.metrics.evaluation import Evaluator
from interlace.report import formats
from interlace.statistics.contrasts import ArmResults, contrast
from interlace.statistics.intervals import mean_interval
from interlace.statistics.ranges import RANGES, is_share, metric_range

CLASSES = ["a", "b"]
NO_METRIC = "temperature"  # what was learned, not how good it is


def evaluator(kind):
    """Everything that a run can be asked for."""
    classes = CLASSES if kind == "classification" else []
    scaling = TemperatureScaling(max_iterations=50) if kind == "classification" else None
    chosen = ChosenMetrics(names=list(task_named(kind).offered), positive=None)
    metrics = task_named(kind).learning.metrics(classes)
    return Evaluator(metrics, classes, {}, chosen=chosen, scaling=scaling)


def figures(kind, predictions, labels):
    """Metric -> figure, of a model that is evaluated on these validation data, and then on the same as test data."""
    measure = evaluator(kind)
    found = [measure(predictions, labels, {}, split, final=True) for split in ("val", "test")]
    merged = {name.partition("/")[2]: value for each in found for name, value in each.items()}
    merged.pop(NO_METRIC, None)
    return merged


def drawn(kind, seed, rows, skill):
    """Predictions and labels; `skill` 1 is always right and sure, -1 always wrong, 0 knows nothing."""
    rng = np.random.default_rng(seed)
    if kind == "classification":
        labels = rng.integers(0, 2, rows)
        labels[:2] = [0, 1]
        margin = 3.0 if abs(skill) < 1 else 50.0
        logits = rng.normal(size=(rows, 2)) * (1 - abs(skill)) + margin * skill * np.eye(2)[labels]
        return torch.from_numpy(logits).softmax(1).float(), torch.from_numpy(labels)
    labels = rng.uniform(-3, 3, rows).astype(np.float32)
    labels[:2] = [-2, 2]
    values = skill * labels + (1 - abs(skill)) * rng.normal(size=rows)
    return torch.from_numpy(values.astype(np.float32)), torch.from_numpy(labels)


OFFERED = [
    (kind, name) for kind in ("classification", "regression") for name in figures(kind, *drawn(kind, 0, 50, 0.5))
]


def test_what_is_offered_is_what_is_looked_at():
    assert {name for _, name in OFFERED} >= {*CLASSIFICATION, *REGRESSION, "f1", "ece", "loss"}
    assert {"ece_calibrated", "brier_calibrated", "nll_calibrated"} <= {name for _, name in OFFERED}


@pytest.mark.parametrize(("kind", "name"), OFFERED)
@pytest.mark.parametrize("split", ["val", "test"])
def test_a_metric_has_a_range_a_direction_and_a_name_of_its_own(kind, name, split):
    assert (name in LESS_IS_BETTER) != (name in MORE_IS_BETTER)
    assert name in RANGES
    for place in (f"{split}/{name}", f"{split}/{name}/noisy=1", f"{split}/{name}/loss", f"{split}/{name}/accuracy"):
        assert metric_of(place) == name
        assert metric_range(place) == RANGES[name]
        assert best_of(place) == best_of(f"{split}/{name}")
    assert "_" not in formats.metric_name(f"{split}/{name}")
    assert formats.metric_name(f"{split}/{name}/qwk").endswith(", qwk")  # a group keeps its name
    others = [other for _, other in OFFERED if other != name]
    assert formats.metric_name(f"test/{name}") not in [formats.metric_name(f"test/{other}") for other in others]


@pytest.mark.parametrize("kind", ["classification", "regression"])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 40), skill=st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]))
def test_no_figure_is_outside_its_range(kind, seed, rows, skill):
    for name, value in figures(kind, *drawn(kind, seed, rows, skill)).items():
        low, high = metric_range(f"test/{name}")
        slack = 1e-6  # figures of 32 bits
        assert low - slack <= value <= high + slack, name


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_the_direction_is_that_of_a_better_model(kind):
    bad, good, best = (figures(kind, *drawn(kind, 3, 400, skill)) for skill in (-0.9, 0.2, 1.0))
    for name, value in best.items():
        sign = 1 if best_of(f"test/{name}") == "max" else -1
        low, high = metric_range(f"test/{name}")
        assert value == pytest.approx(high if sign > 0 else low, abs=1e-3), name  # the end of the range is reachable
        assert sign * value > sign * good[name], name
        if not name.endswith("calibrated"):  # a temperature makes confident nonsense harmless
            assert sign * good[name] > sign * bad[name], name


@pytest.mark.parametrize("name", sorted(RANGES))
@settings(max_examples=40, deadline=None)
@given(places=st.lists(st.floats(0, 1), min_size=3, max_size=8), data=st.data())
def test_intervals_stay_in_the_range_of_every_metric(name, places, data):
    """Of means and of differences, whatever the seeds gave, at the ends of the range too."""
    low, high = metric_range(f"test/{name}")
    top = high if math.isfinite(high) else low + 100.0
    values = [low + place * (top - low) for place in places]
    found = mean_interval(values, (low, high))
    assert all(math.isnan(bound) or low <= bound <= high for bound in found)
    others = data.draw(st.lists(st.sampled_from(values), min_size=len(values), max_size=len(values)))
    pair = contrast(ArmResults(dict(enumerate(values))), ArmResults(dict(enumerate(others))))
    bounds = pair.interval(bounds=(low, high))
    assert all(math.isnan(bound) or abs(bound) <= high - low for bound in bounds)


@pytest.mark.parametrize(
    ("name", "share", "text"),
    [
        ("test/accuracy/both", True, "test accuracy, both"),
        ("test/speaker/accuracy", True, "test speaker accuracy"),
        ("test/acc2_non0", True, "test Acc-2 (negative / positive, no zeros)"),
        ("test/qwk", False, "test quadratic weighted kappa"),
        ("test/mae/accuracy", False, "test mae, accuracy"),
        ("val/chrf", False, "validation chrF"),
        ("test/coverage", False, "test coverage"),
        ("test/analogy", False, "test analogy"),
    ],
)
def test_names_are_read_by_their_metric(name, share, text):
    assert is_share(name) is share
    assert formats.metric_name(name) == text
