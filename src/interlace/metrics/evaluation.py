"""The metrics of a whole split, overall and by group."""

import warnings
from collections.abc import Mapping

import numpy as np
import torch
from scipy.stats import NearConstantInputWarning, pearsonr
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import functional as M


def classification_metrics(
    probabilities: Tensor, labels: Tensor, groups: Mapping[str, np.ndarray], prefix: str
) -> dict[str, float]:
    """Accuracy, macro F1, loss (mean negative log likelihood) and expected calibration error of (N, C) against (N,).

    Accuracy is also given for each value of each group, as `<prefix>/accuracy/<value>`. F1 averages over the
    classes that occur in labels or predictions (as scikit-learn does); calibration uses 15 equal bins (Guo et al.
    2017, equation 3). A row that is not finite is no answer: it counts as wrong, and the loss is then NaN.
    """
    num_classes = probabilities.shape[1]
    correct = ((probabilities.argmax(1) == labels) & probabilities.isfinite().all(1)).float()
    metrics = {
        f"{prefix}/accuracy": correct.mean().item(),
        f"{prefix}/f1": M.f1_score(
            probabilities, labels, task="multiclass", num_classes=num_classes, average="macro"
        ).item(),
        f"{prefix}/loss": F.nll_loss(probabilities.clamp_min(1e-12).log(), labels).item(),
        f"{prefix}/ece": M.calibration_error(
            probabilities, labels, task="multiclass", num_classes=num_classes, n_bins=15
        ).item(),
    }
    for values in groups.values():
        for value in np.unique(values):
            chosen = torch.from_numpy(values == value)
            metrics[f"{prefix}/accuracy/{value}"] = correct[chosen].mean().item()
    return metrics


def pearson(first: Tensor, second: Tensor) -> float:
    """Pearson correlation of (N,) with (N,); 0 where one of them is constant, NaN where one is not finite."""
    pair = [each.double().cpu().numpy() for each in (first, second)]
    if any(np.ptp(each) == 0.0 for each in pair):
        return 0.0
    with warnings.catch_warnings():  # a narrow spread has lost digits, but not its sign
        warnings.simplefilter("ignore", NearConstantInputWarning)
        return float(pearsonr(*pair).statistic)


def regression_metrics(
    predictions: Tensor, labels: Tensor, groups: Mapping[str, np.ndarray], prefix: str
) -> dict[str, float]:
    """Mean absolute error, root mean squared error and Pearson correlation of (N,) against (N,).

    The correlation of a constant prediction is undefined and given as 0. The error is also given by group.
    """
    error = (predictions - labels).abs()
    metrics = {
        f"{prefix}/mae": error.mean().item(),
        f"{prefix}/rmse": error.square().mean().sqrt().item(),
        f"{prefix}/pearson": pearson(predictions, labels),
        f"{prefix}/loss": 0.5 * error.square().mean().item(),
    }
    for values in groups.values():
        for value in np.unique(values):
            metrics[f"{prefix}/mae/{value}"] = error[torch.from_numpy(values == value)].mean().item()
    return metrics
