"""Classification: the part without torch."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from interlace.data.labels import class_of, sorted_classes
from interlace.data.spellings import canonical
from interlace.data.task_spec import Claim, Record, TargetArrays, TaskSpec
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule
    from interlace.data.labels import LabelSurvey
    from interlace.data.split import Split


class Classification(TaskSpec):
    """One of C classes per example; labels (N,) int64 class ids, outputs logits (B, C)."""

    name = "classification"
    labels = "classes"
    heads = ("classification",)
    monitor = "val/accuracy"
    usual = ("accuracy", "f1", "loss", "ece")
    offered: tuple[str, ...] = (
        *("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "f1_micro", "f1_binary", "auroc"),
        *("average_precision", "mcc", "cohen_kappa", "qwk", "brier", "nll"),
    )
    has_classes = True
    has_softmax = True
    mixes = True
    fitted_as = "classes"
    absent: float | None = -1
    leaks_as = "accuracy"

    @property
    def learning(self) -> Any:
        """See `TaskSpec`."""
        from interlace.tasks.classification.learning import ClassificationLearning

        return ClassificationLearning(self)

    def claim(self, survey: "LabelSurvey") -> Claim | None:
        """Claim all labels that no other task claims."""
        numbers = survey.numbers
        if numbers.are_labels and len(numbers.distinct) > 2:
            return Claim(0, f"label: {numbers} are classes; data.task=regression takes them as quantities")
        return Claim(0)

    def read(self, record: Record, order: Sequence[str] | None) -> str:
        """Return the name of a class (one string object per class)."""
        return sys.intern(class_of(record, order))

    def find_classes(self, answers: Sequence[Any]) -> list[str]:
        """Return the classes in order: numbers by value, then words."""
        return sorted_classes({str(answer) for answer in answers})

    def check_classes(self, path: Path, classes: Sequence[str], problem: str | None) -> None:
        """See `TaskSpec`."""
        if len(classes) < 2:
            found = f"only {classes[0]!r}" if classes else "none that can be used"
            raise UserError(
                f"{path}: expected labels of at least two classes, found {found}" + (f"; {problem}" if problem else "")
            )

    def further_label(self, value: str, classes: Sequence[str]) -> float:
        """Return the class id."""
        return classes.index(value) if value in classes else -1

    def stratum(self, answer: Any) -> Any:
        """Return the class."""
        return answer

    def arrays(self, answers: Sequence[Any], records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Return class ids (N,) int64."""
        return TargetArrays(data.class_ids([str(answer) for answer in answers]))

    def content(self, answers: Sequence[Any]) -> dict[str, Any]:
        """Return the number of examples of each class."""
        return {"classes": dict(sorted(Counter(str(answer) for answer in answers).items()))}

    def arrays_of_new(self, records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Return class ids (N,); 0 for a missing or unknown class."""
        known = {canonical(name): index for index, name in enumerate(data.classes)}
        labels = [record.get("label") for record in records]
        ids = [0 if label is None else known.get(canonical(label), 0) for label in labels]
        return TargetArrays(np.asarray(ids, dtype=np.int64))

    def describe(self, data: "DataModule") -> dict[str, Any]:
        """Return the number of examples of each class in each split."""
        counts = {name: self.counts(split.labels, data.classes) for name, split in data.splits.items()}
        return {"class_counts": counts}

    def counts(self, labels: np.ndarray, classes: Sequence[str]) -> dict[str, int]:
        """Return the number of labels of each class."""
        return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))

    def notes(self, data: "DataModule") -> list[str]:
        """Return notes on examples of each split whose classes the run does not know."""
        if data.known is None:
            return []
        from interlace.data.notes import NAMES

        sentences, first = [], len(data.known.classes)
        for name, split in data.splits.items():
            counts = [*self.counts(split.labels, data.classes).items()][first:]
            new = [f"{label} {count}" for label, count in counts if count]
            if new:
                sentences.append(
                    f"{sum(count for _, count in counts)} of {len(split)} {NAMES[name]} examples are of classes that "
                    f"the run does not know ({', '.join(new)}): every prediction for them counts as wrong"
                )
        return sentences

    def constant(self, train: np.ndarray, test: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
        """Return the accuracy of the most frequent class."""
        if not len(train) or not len(test):
            return {"class": None, "accuracy": None}
        best = int(np.bincount(train, minlength=len(classes)).argmax())
        return {"class": classes[best], "accuracy": round(float(np.mean(test == best)), 4)}

    def shown_label(self, data: "DataModule", split: "Split", index: int) -> str:
        """Return the name of the class."""
        return data.classes[split.labels[index]]

    def class_ids(self, split: Any) -> np.ndarray | None:
        """Return the labels."""
        ids: np.ndarray = split.labels
        return ids

    def num_outputs(self, classes: Sequence[str]) -> int:
        """Return the number of classes: one logit each."""
        return len(classes)

    def label_column(self, data: "DataModule", labels: np.ndarray) -> np.ndarray:
        """Return the names of the classes."""
        named: np.ndarray = np.asarray(data.classes, dtype=object)[labels]
        return named

    def columns(self, data: "DataModule", prediction: np.ndarray, label: np.ndarray) -> dict[str, Any]:
        """Return the columns label, prediction (a class), correct and p/<class>, from probabilities (N, C).

        For probabilities that are not finite the prediction is null and not correct.
        """
        names = np.asarray(data.classes, dtype=object)
        answered = np.isfinite(prediction).all(1)
        table = {
            "label": names[label],
            "prediction": np.where(answered, names[prediction.argmax(1)], None),
            "correct": (label == prediction.argmax(1)) & answered,
        }
        return table | {f"p/{name}": prediction[:, c].astype(np.float32) for c, name in enumerate(data.classes)}

    def answers(self, data: "DataModule", outputs: np.ndarray, split: "Split") -> list[dict[str, Any]]:
        """Return {"prediction", "probabilities": {class: p}} for each example."""
        return [
            {
                "prediction": data.classes[int(row.argmax())],
                "probabilities": {name: round(float(p), 6) for name, p in zip(data.classes, row, strict=True)},
            }
            for row in outputs
        ]

    def widened(self, outputs: np.ndarray, data: "DataModule") -> np.ndarray:
        """Return the outputs with probability 0 for the classes after those of the run."""
        return np.pad(outputs, ((0, 0), (0, len(data.classes) - outputs.shape[1])))
