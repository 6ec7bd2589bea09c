"""Metrics against scikit-learn and scipy."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score, log_loss

from interlace.metrics.evaluation import classification_metrics, regression_metrics


def test_classification_equals_scikit_learn():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 300).astype(np.float32)
    labels = rng.integers(0, 4, 300)
    group = np.where(rng.random(300) < 0.3, "both", "image")
    found = classification_metrics(
        torch.from_numpy(probabilities), torch.from_numpy(labels), {"requires": group}, "test"
    )
    predicted = probabilities.argmax(1)
    assert found["test/accuracy"] == pytest.approx(accuracy_score(labels, predicted), abs=1e-6)
    assert found["test/f1"] == pytest.approx(f1_score(labels, predicted, average="macro"), abs=1e-6)
    assert found["test/loss"] == pytest.approx(log_loss(labels, probabilities.astype(float)), abs=1e-5)
    for value in ("both", "image"):
        expected = accuracy_score(labels[group == value], predicted[group == value])
        assert found[f"test/accuracy/{value}"] == pytest.approx(expected, abs=1e-6)


def test_calibration_error_of_a_known_case():
    # 10 predictions at confidence 0.8, 5 of them right: one bin, |0.5 - 0.8|.
    probabilities = torch.tensor([[0.8, 0.2]] * 10)
    labels = torch.tensor([0] * 5 + [1] * 5)
    assert classification_metrics(probabilities, labels, {}, "val")["val/ece"] == pytest.approx(0.3, abs=1e-6)


def test_regression_equals_scipy_and_a_constant_correlates_with_nothing():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=50).astype(np.float32), rng.normal(size=50).astype(np.float32)
    found = regression_metrics(torch.from_numpy(x), torch.from_numpy(y), {}, "test")
    assert found["test/pearson"] == pytest.approx(pearsonr(x, y).statistic, abs=1e-5)
    assert found["test/rmse"] == pytest.approx(float(np.sqrt(((x - y) ** 2).mean())), abs=1e-6)
    assert regression_metrics(torch.ones(5), torch.arange(5.0), {}, "test")["test/pearson"] == 0.0


@pytest.mark.parametrize("exponent", [-300, -30, -12, 0, 30, 150])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_correlation_knows_no_scale(exponent, offset):
    """Nearly constant is not constant: 1 at any spread that the numbers can hold beside their mean."""
    labels = torch.arange(5.0, dtype=torch.float64)
    predictions = offset + labels * 10.0**exponent
    found = regression_metrics(predictions, labels, {}, "test")["test/pearson"]
    held = bool(predictions.max() > predictions.min())
    assert found == pytest.approx(1.0 if held else 0.0, abs=1e-3)
    assert regression_metrics(torch.full((5,), float("nan")), labels, {}, "test")["test/pearson"] != found


def test_an_answer_that_is_not_finite_is_wrong():
    probabilities = torch.tensor([[0.9, 0.1], [torch.nan, torch.nan], [0.2, 0.8]])
    found = classification_metrics(probabilities, torch.tensor([0, 0, 1]), {}, "test")
    assert found["test/accuracy"] == pytest.approx(2 / 3)
    assert np.isnan(found["test/loss"])
