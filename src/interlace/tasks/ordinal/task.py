"""Ordinal classification: the part without torch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from interlace.data.task_spec import Claim
from interlace.tasks.classification.task import Classification

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule
    from interlace.data.labels import LabelSurvey


class Ordinal(Classification):
    """One of C ordered classes per example; labels (N,) int64 class ids, outputs (B, C - 1), logits of
    P(y > k).

    The order is that of data.class_order, else numbers by value and words alphabetically. The prediction is the median
    of the distribution, the first class with P(y <= k) >= 1/2, which minimises the expected distance; `mae` is the mean
    distance in classes.
    """

    name = "ordinal"
    labels = "ordered classes"
    heads = ("ordinal",)
    needed = ("head=ordinal",)
    monitor = "val/mae"
    takes = ("classification",)
    usual = ("mae", "accuracy", "qwk", "loss")
    offered = ()
    has_softmax = False
    mixes = False

    @property
    def learning(self) -> Any:
        """See `TaskSpec`."""
        from interlace.tasks.ordinal.learning import OrdinalLearning

        return OrdinalLearning(self)

    def claim(self, survey: "LabelSurvey") -> Claim | None:
        """Claim no labels: only the user can tell that classes are ordered."""
        return None

    def constant(self, train: np.ndarray, test: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
        """Return MAE and accuracy of the median class."""
        if not len(train) or not len(test):
            return {"class": None, "accuracy": None, "mae": None}
        best = int(np.sort(train)[(len(train) - 1) // 2])
        mae = float(np.abs(test - best).mean())
        return {"class": classes[best], "accuracy": round(float((test == best).mean()), 4), "mae": round(mae, 4)}

    def num_outputs(self, classes: Sequence[str]) -> int:
        """Return C - 1: one logit for each pair of neighbouring classes."""
        return len(classes) - 1

    def columns(self, data: "DataModule", prediction: np.ndarray, label: np.ndarray) -> dict[str, Any]:
        """Return the columns label, prediction, correct, p/<class>, score/mae (distance; maximal if null)."""
        names = np.asarray(data.classes, dtype=object)
        answered, given = np.isfinite(prediction).all(1), median_class(prediction)
        table = {
            "label": names[label],
            "prediction": np.where(answered, names[given], None),
            "correct": (label == given) & answered,
            "score/mae": np.where(answered, np.abs(label - given), len(names) - 1).astype(np.float64),
        }
        return table | {f"p/{name}": prediction[:, c].astype(np.float32) for c, name in enumerate(data.classes)}

    def answers(self, data: "DataModule", outputs: np.ndarray, split: Any) -> list[dict[str, Any]]:
        """Return {"prediction", "probabilities": {class: p}} for each example; the prediction is the median."""
        found = super().answers(data, outputs, split)
        for answer, index in zip(found, median_class(outputs).tolist(), strict=True):
            answer["prediction"] = data.classes[index]
        return found


def median_class(probabilities: np.ndarray) -> np.ndarray:
    """Return the first class (N,) with P(y <= k) >= 1/2, of probabilities (N, C)."""
    found: np.ndarray = (np.cumsum(probabilities, axis=1)[:, :-1] < 0.5).sum(1)
    return found
