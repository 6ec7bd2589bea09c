"""Metrics of numbers: predictions (N,) against labels (N,). NaN if a prediction is not finite."""

import warnings

import numpy as np
from scipy.stats import NearConstantInputWarning, pearsonr, spearmanr
from torch import Tensor


def constant(labels: Tensor) -> str | None:
    """Return the reason why correlation with the labels is undefined, or None."""
    if len(labels) < 2:
        return "there are fewer than two examples"
    return "all labels are the same" if bool((labels == labels[0]).all()) else None


def mean_absolute_error(predictions: Tensor, labels: Tensor) -> float:
    """Mean absolute error."""
    return (predictions - labels).abs().mean().item()


def root_mean_squared_error(predictions: Tensor, labels: Tensor) -> float:
    """Root of the mean squared error."""
    return (predictions - labels).square().mean().sqrt().item()


def pearson(predictions: Tensor, labels: Tensor) -> float:
    """Pearson correlation; 0 if predictions or labels are constant."""
    pair = _doubles(predictions, labels)
    if any(np.ptp(each) == 0.0 for each in pair):
        return 0.0
    with warnings.catch_warnings():  # SciPy warns of lost precision for nearly constant input
        warnings.simplefilter("ignore", NearConstantInputWarning)
        return float(pearsonr(*pair).statistic)


def spearman(predictions: Tensor, labels: Tensor) -> float:
    """Spearman correlation of ranks, ties at their mean rank; 0 if predictions or labels are constant."""
    pair = _doubles(predictions, labels)
    if any(np.ptp(each) == 0.0 for each in pair):
        return 0.0
    return float(spearmanr(pair[0], pair[1]).statistic)


def concordance(predictions: Tensor, labels: Tensor) -> float:
    """Lin's concordance correlation coefficient (1989): 2 s_xy / (s_x^2 + s_y^2 + (mean_x - mean_y)^2), moments over N.

    0 if the predictions are constant.
    """
    x, y = _doubles(predictions, labels)
    covariance = ((x - x.mean()) * (y - y.mean())).mean()
    return float(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))


def _doubles(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(tensor.double().cpu().numpy() for tensor in tensors)
