"""Logistic regression by scikit-learn as a softmax over all classes of a data set."""

import warnings
from typing import Any

import numpy as np


def fit_softmax(
    features: Any, labels: np.ndarray, *, num_classes: int, C: float, max_iterations: int, tolerance: float
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Fit weights (num_classes, D) and bias (num_classes,) to features (N, D), sparse or dense, and class ids (N,).

    They minimise C x the summed negative log likelihood + |W|^2 / 2 with L-BFGS. A class without examples has bias
    -inf. The third value is True if the solver converged within `max_iterations`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(C=C, max_iter=max_iterations, tol=tolerance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported by the third value
        regression.fit(features, labels)
    weights = np.zeros((num_classes, features.shape[1]))
    bias = np.full(num_classes, -np.inf)
    rows, offsets = regression.coef_, regression.intercept_
    if len(rows) == 1:  # for two classes scikit-learn keeps only the difference
        rows, offsets = np.concatenate([0 * rows, rows]), np.array([0.0, offsets[0]])
    weights[regression.classes_], bias[regression.classes_] = rows, offsets
    return weights, bias, int(np.max(regression.n_iter_)) < max_iterations


def fitted_parameters(weights: np.ndarray, bias: np.ndarray) -> int:
    """Return the number of fitted weights and biases; two classes have one row."""
    rows = int(np.isfinite(bias).sum())
    return (1 if rows == 2 else rows) * (weights.shape[1] + 1)
