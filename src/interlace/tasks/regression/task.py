"""Regression: the part without torch."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from interlace.data.labels import quantity_of
from interlace.data.spellings import parse_number
from interlace.data.task_spec import Claim, Record, TargetArrays, TaskSpec

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule
    from interlace.data.labels import LabelSurvey
    from interlace.data.split import Split


class Regression(TaskSpec):
    """One number per example; labels (N,) float32, outputs (B,)."""

    name = "regression"
    labels = "numbers"
    heads = ("regression",)
    needed = ("head=regression",)
    usual = ("mae", "rmse", "pearson", "loss")
    offered = (
        *("mae", "rmse", "pearson", "spearman", "ccc", "acc2_has0", "f1_has0", "acc2_non0", "f1_non0"),
        *("acc7", "acc5"),
    )
    mixes = True
    fitted_as = "numbers"
    absent = math.nan
    leaks_as = "r2"

    @property
    def learning(self) -> Any:
        """See `TaskSpec`."""
        from interlace.tasks.regression.learning import RegressionLearning

        return RegressionLearning(self)

    def claim(self, survey: "LabelSurvey") -> Claim | None:
        """Claim numbers that look like quantities."""
        numbers = survey.numbers
        if not (numbers.are_labels and numbers.are_quantities):
            return None
        why = f"label: {numbers} are quantities (regression); data.task=classification makes each of them a class"
        return Claim(1, why)

    def read(self, record: Record, order: Sequence[str] | None) -> float:
        """Return the number."""
        return quantity_of(record)

    def arrays(self, answers: Sequence[Any], records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Return numbers (N,) float32."""
        return TargetArrays(np.array(answers, dtype=np.float32))

    def further_label(self, value: str, classes: Sequence[str]) -> float:
        """Return the number."""
        return quantity_of({"label": value})

    def content(self, answers: Sequence[Any]) -> dict[str, Any]:
        """Return mean, minimum and maximum of the labels."""
        if not answers:
            return {}
        labels = np.array(answers, dtype=np.float64)
        return {"labels": {"mean": float(labels.mean()), "min": float(labels.min()), "max": float(labels.max())}}

    def arrays_of_new(self, records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Return numbers (N,); 0 without a label."""
        labels = [parse_number(record.get("label")) or 0.0 for record in records]
        return TargetArrays(np.asarray(labels, dtype=np.float32))

    def constant(self, train: np.ndarray, test: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
        """Return the MAE of the median and the RMSE of the mean."""
        if not len(train) or not len(test):
            return {"mae": None, "rmse": None}
        mae = np.abs(test - np.median(train)).mean()
        return {"mae": float(mae), "rmse": float(np.sqrt(np.square(test - train.mean()).mean()))}

    def shown_label(self, data: "DataModule", split: "Split", index: int) -> str:
        """Return the label with four significant digits."""
        return f"{split.labels[index].item():.4g}"

    def num_outputs(self, classes: Sequence[str]) -> int:
        """Return the number."""
        return 1

    def label_column(self, data: "DataModule", labels: np.ndarray) -> np.ndarray:
        """Return the numbers."""
        return labels

    def columns(self, data: "DataModule", prediction: np.ndarray, label: np.ndarray) -> dict[str, Any]:
        """Return the columns label, prediction and error (prediction - label)."""
        prediction = prediction.reshape(label.shape)
        return {"label": label, "prediction": prediction, "error": prediction - label}

    def answers(self, data: "DataModule", outputs: np.ndarray, split: "Split") -> list[dict[str, Any]]:
        """Return {"prediction": number} for each example."""
        return [{"prediction": float(value)} for value in outputs.reshape(-1)]
