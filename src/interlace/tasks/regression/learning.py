"""Regression: loss and metrics."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from interlace.metrics.evaluation import NUMBER_METRICS, MetricSet
from interlace.metrics.measures import Measure, r_squared
from interlace.nn.precision import at_least_float32
from interlace.objectives.supervised import half_squared_error
from interlace.tasks.learning import TaskLearning

if TYPE_CHECKING:
    from interlace.objectives.supervised import SupervisedObjective


class RegressionLearning(TaskLearning):
    """Half the squared error of values (B,) or (B, 1)."""

    def losses(self, prediction: Tensor, label: Tensor, objective: "SupervisedObjective") -> Tensor:
        """Return 0.5 (f - y)^2 of each example."""
        return half_squared_error(prediction, label)

    def metrics(self, classes: Sequence[str]) -> MetricSet:
        """See `NUMBER_METRICS`."""
        return NUMBER_METRICS

    def item_score(self, output: Tensor, label: Tensor) -> tuple[str, Tensor]:
        """Return absolute errors."""
        return "mae", (at_least_float32(output).reshape(label.shape) - label).abs()

    def has_label(self, label: Tensor) -> Tensor:
        """See `TaskLearning`."""
        return ~label.isnan()

    def filled(self, label: Tensor) -> Tensor:
        """See `TaskLearning`."""
        return label.nan_to_num(0.0)

    def measure(self, labels: np.ndarray, train_labels: np.ndarray) -> Measure:
        """Return R^2; chance level: the mean of the training labels."""
        constant = np.full(len(labels), np.asarray(train_labels, dtype=np.float64).mean())
        return Measure("r2", r_squared, r_squared(constant, labels))

    def answered_share(self, outputs: np.ndarray, answer: np.ndarray) -> np.ndarray:
        """Return the value."""
        return outputs[:, 0]

    def described_answer(self, output: np.ndarray, classes: Sequence[str]) -> tuple[str, float | None]:
        """Return the value with three significant digits."""
        return f"{float(output.reshape(-1)[0]):.3g}", None
