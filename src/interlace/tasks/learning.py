"""Base class of the part of a task that needs torch: loss, activation, metrics."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from interlace.data.task_spec import TaskSpec
from interlace.errors import UserError
from interlace.metrics.evaluation import MetricSet
from interlace.metrics.measures import Measure
from interlace.nn.precision import at_least_float32

if TYPE_CHECKING:
    from interlace.objectives.supervised import SupervisedObjective


class TaskLearning:
    """Loss, predictions and metrics of a task, from outputs (B, ...). `spec` has the options of the task."""

    def __init__(self, spec: TaskSpec) -> None:
        self.spec: Any = spec

    def losses(self, prediction: Tensor, label: Tensor, objective: "SupervisedObjective") -> Tensor:
        """Return the loss of each example (B,), at least float32; `label` (B, ...), or shares of two labels (mixup)."""
        raise NotImplementedError

    def activate(self, prediction: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the answers used by metrics and predictions, such as probabilities, from outputs; at least in float32.

        `label`: labels of the batch, if any.
        """
        return at_least_float32(prediction)

    def metrics(self, classes: Sequence[str]) -> MetricSet:
        """Return the metrics of answers (N, ...) of `activate` against labels (N, ...)."""
        raise NotImplementedError

    def item_score(self, output: Tensor, label: Tensor) -> tuple[str, Tensor]:
        """Return name and value (B,) of the score of each example, for additional heads."""
        raise NotImplementedError

    def has_label(self, label: Tensor) -> Tensor:
        """Return (B,) bool: the example has a label; further labels (B,) have `TaskSpec.absent` for none."""
        raise NotImplementedError

    def filled(self, label: Tensor) -> Tensor:
        """Return the labels with a valid placeholder for absent ones."""
        raise NotImplementedError

    # Methods for `interlace analyze`; outputs (n, C) or (n,) are those of the model, before `activate`.

    def measure(self, labels: np.ndarray, train_labels: np.ndarray) -> Measure:
        """Return the score of an analysis. Raises UserError if the task has none."""
        raise UserError(
            f"analyze: it asks what modalities add to the one answer of a whole example, which {self.spec.name} does "
            "not give; measure one change of the data at a time, as interlace evaluate RUN_DIR missing_data=rates "
            "missing_data.test=0.3"
        )

    def answered_share(self, outputs: np.ndarray, answer: np.ndarray) -> np.ndarray:
        """Return (n,): the share of each row of outputs for the explained `answer`, the outputs of one example."""
        raise NotImplementedError

    def discrete(self, values: np.ndarray, *, outputs: bool) -> np.ndarray | None:
        """Return labels, or `outputs`, as class ids (n,) for information measures; None if they are numbers."""
        return None

    def described_answer(self, output: np.ndarray, classes: Sequence[str]) -> tuple[str, float | None]:
        """Return the answer of one example (1, C) or (1,) as text, and its probability or None."""
        raise NotImplementedError
