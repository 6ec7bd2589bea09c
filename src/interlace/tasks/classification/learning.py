"""Classification: loss, probabilities and metrics."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax
from torch import Tensor

from interlace.metrics.evaluation import CLASS_METRICS, MetricSet
from interlace.metrics.measures import Measure, accuracy
from interlace.nn.precision import at_least_float32
from interlace.tasks.learning import TaskLearning

if TYPE_CHECKING:
    from interlace.objectives.supervised import SupervisedObjective


class ClassificationLearning(TaskLearning):
    """Cross-entropy of logits (B, C)."""

    def losses(self, prediction: Tensor, label: Tensor, objective: "SupervisedObjective") -> Tensor:
        """Cross-entropy with the objective's smoothing, weights of classes and focal factor."""
        return objective.cross_entropy(at_least_float32(prediction), label)

    def activate(self, prediction: Tensor, label: Tensor | None = None) -> Tensor:
        """Return probabilities (B, C)."""
        return at_least_float32(prediction).softmax(-1)

    def metrics(self, classes: Sequence[str]) -> MetricSet:
        """See `CLASS_METRICS`."""
        return CLASS_METRICS

    def item_score(self, output: Tensor, label: Tensor) -> tuple[str, Tensor]:
        """Return 1 for a correct prediction, else 0."""
        return "accuracy", output.argmax(-1) == label

    def has_label(self, label: Tensor) -> Tensor:
        """See `TaskLearning`."""
        return label >= 0

    def filled(self, label: Tensor) -> Tensor:
        """See `TaskLearning`."""
        return label.clamp_min(0)

    def measure(self, labels: np.ndarray, train_labels: np.ndarray) -> Measure:
        """Return accuracy; chance level: the most frequent training label."""
        values, counts = np.unique(train_labels, return_counts=True)
        return Measure("accuracy", accuracy, float((labels == values[counts.argmax()]).mean()))

    def answered_share(self, outputs: np.ndarray, answer: np.ndarray) -> np.ndarray:
        """Return the probability of the predicted class."""
        shares: np.ndarray = softmax(outputs, 1)[:, int(answer.argmax())]
        return shares

    def discrete(self, values: np.ndarray, *, outputs: bool) -> np.ndarray | None:
        """Return class ids."""
        return values.argmax(1) if outputs else values

    def described_answer(self, output: np.ndarray, classes: Sequence[str]) -> tuple[str, float | None]:
        """Return the class and its probability."""
        return classes[int(output.argmax(1)[0])], float(softmax(output[0].astype(np.float64)).max())
