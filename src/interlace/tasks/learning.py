"""Base of the part of a task that needs torch: loss, answers, metrics."""

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
    """Loss, answers and metrics of a task, from outputs (B, ...). `spec` holds the task's options."""

    def __init__(self, spec: TaskSpec) -> None:
        self.spec: Any = spec

    def losses(self, prediction: Tensor, label: Tensor, objective: "SupervisedObjective") -> Tensor:
        """The loss of each example (B,), in float32 at least; `label` (B, ...), or shares of two (mixup)."""
        raise NotImplementedError

    def activate(self, prediction: Tensor, label: Tensor | None = None) -> Tensor:
        """Answers, such as probabilities, which metrics, predictions and `predict` read, from outputs. Parts of
        one size, in float32 at least; `label`: those of the batch, where there are any."""
        return at_least_float32(prediction)

    def metrics(self, classes: Sequence[str]) -> MetricSet:
        """The metrics of `activate`d outputs (N, ...) against labels (N, ...)."""
        raise NotImplementedError

    def item_score(self, output: Tensor, label: Tensor) -> tuple[str, Tensor]:
        """Name and value (B,) of each example: of heads beside the main one."""
        raise NotImplementedError

    def has_label(self, label: Tensor) -> Tensor:
        """(B,) bool: which examples have a label, of further labels (B,) with `TaskSpec.absent` for none."""
        raise NotImplementedError

    def filled(self, label: Tensor) -> Tensor:
        """The same with some label in the place of none."""
        raise NotImplementedError

    # What `interlace analyze` asks; outputs (n, C) or (n,) are those of the model, before `activate`.

    def measure(self, labels: np.ndarray, train_labels: np.ndarray) -> Measure:
        """The score of an analysis. UserError where the task has none."""
        raise UserError(
            f"analyze: it asks what modalities add to the one answer of a whole example, which {self.spec.name} does "
            "not give; measure one change of the data at a time, as interlace evaluate RUN_DIR missing_data=rates "
            "missing_data.test=0.3"
        )

    def answered_share(self, outputs: np.ndarray, answer: np.ndarray) -> np.ndarray:
        """(n,) of outputs: what they give to the `answer` (outputs of one example) that is explained."""
        raise NotImplementedError

    def discrete(self, values: np.ndarray, *, outputs: bool) -> np.ndarray | None:
        """Labels, or `outputs`, as class ids (n,), of which information is counted; None: they are numbers."""
        return None

    def described_answer(self, output: np.ndarray, classes: Sequence[str]) -> tuple[str, float | None]:
        """The answer of one example (1, C) or (1,) in words, and its probability."""
        raise NotImplementedError
