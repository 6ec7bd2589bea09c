"""Temperature scaling of confidence, fitted on validation data (Guo et al. 2017, section 4.2)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import functional as M

from interlace.metrics.classes import brier, negative_log_likelihood

COLDEST, HOTTEST = 0.01, 100.0  # bounds; without errors the optimum would be 0
NUM_BINS = 15


class TemperatureScaling:
    """Division of logits by the temperature T that minimises negative log likelihood on the validation data.

    T is found by L-BFGS on log T within [0.01, 100]. Predictions do not change; written and predicted probabilities
    stay uncalibrated. A run reports `val/temperature`, and for test data the expected calibration error,
    Brier score and negative log likelihood before (`test/ece`, `test/brier`, `test/nll`) and after
    (`test/ece_calibrated` and so on). Cost: one sum over the validation probabilities per iteration, at the end.
    """

    def __init__(self, *, max_iterations: Annotated[int, Field(ge=1)]) -> None:
        self.max_iterations = max_iterations
        self.temperature: float | None = None

    def fit(self, probabilities: Tensor, labels: Tensor) -> float:
        """Fit T to probabilities (N, C) and labels (N,); NaN if a probability is not finite."""
        if not bool(probabilities.isfinite().all()):
            self.temperature = float("nan")
            return self.temperature
        with torch.inference_mode(False), torch.enable_grad():  # evaluations disable gradients
            log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
            logits, wanted = _logits(probabilities.clone()), labels.clone()
            optimizer = torch.optim.LBFGS(
                [log_temperature], max_iter=self.max_iterations, tolerance_grad=1e-9, line_search_fn="strong_wolfe"
            )

            def closure() -> Tensor:
                optimizer.zero_grad()
                loss = F.cross_entropy(logits / log_temperature.exp(), wanted)
                loss.backward()  # type: ignore[no-untyped-call]
                return loss

            optimizer.step(closure)  # type: ignore[no-untyped-call]
        self.temperature = log_temperature.detach().exp().clamp(COLDEST, HOTTEST).item()
        return self.temperature

    def __call__(self, probabilities: Tensor) -> Tensor:
        """Return calibrated probabilities (N, C) in float64."""
        assert self.temperature is not None, "fit comes first"
        return (_logits(probabilities) / self.temperature).softmax(1)

    def metrics(self, probabilities: Tensor, labels: Tensor, prefix: str) -> dict[str, float]:
        """Return calibration error, Brier score and NLL after scaling, and the last two before it."""
        after = self(probabilities)
        found = {
            "brier": brier(probabilities, labels),
            "nll": negative_log_likelihood(probabilities, labels),
            "ece_calibrated": calibration_error(after, labels) if bool(after.isfinite().all()) else float("nan"),
            "brier_calibrated": brier(after, labels),
            "nll_calibrated": negative_log_likelihood(after, labels),
        }
        return {f"{prefix}/{name}": value for name, value in found.items()}


def calibration_error(probabilities: Tensor, labels: Tensor) -> float:
    """Return the expected calibration error over 15 equal bins of confidence (Guo et al. 2017, equation 3)."""
    num_classes = probabilities.shape[1]
    return M.calibration_error(
        probabilities, labels, task="multiclass", num_classes=num_classes, n_bins=NUM_BINS
    ).item()


def _logits(probabilities: Tensor) -> Tensor:
    """Return logits (N, C) up to a constant per row, without effect on scaling; probabilities are at least 1e-38."""
    return probabilities.detach().double().clamp_min(1e-38).log()
