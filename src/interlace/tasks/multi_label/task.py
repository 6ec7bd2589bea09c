"""Multi-label classification: the part without torch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.configuration.suggestions import did_you_mean
from interlace.data.labels import class_name, sorted_classes
from interlace.data.problems import BadExample
from interlace.data.spellings import canonical
from interlace.data.task_spec import Claim, Record, TargetArrays, TaskSpec, missing
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule
    from interlace.data.labels import LabelSurvey
    from interlace.data.split import Split

UNTUNED = 0.5  # threshold of a class that no validation example has
Weight = Annotated[float, Field(gt=0)]


class MultiLabel(TaskSpec):
    """Any number of C classes an example; labels (N, C) uint8, outputs logits (B, C), one sigmoid a class.

    The field `labels` (or `label`) holds a list of names, [] for none; a cell with several names has a `separator`
    between them. A class is answered where its probability reaches its threshold. `threshold` "tuned" chooses that of
    each class on the validation data, by the best F1 there: metrics of validation data are then optimistic, those of
    test data are not.
    """

    name = "multi_label"
    labels = "sets of classes"
    reserved = ("labels",)
    heads = ("classification",)
    monitor = "val/f1_micro"
    usual = ("f1_micro", "f1_macro", "map", "subset_accuracy", "hamming_loss", "loss")
    offered = ("f1_samples", "f1_weighted", "auroc")
    has_classes = True
    has_sigmoid = True

    def __init__(
        self,
        *,
        separator: Annotated[str, Field(min_length=1)] | None,
        pos_weight: Literal["balanced"] | Weight | dict[str, Weight] | None,
        threshold: Literal["tuned"] | Annotated[float, Field(gt=0, lt=1)],
    ) -> None:
        self.separator = separator
        self.pos_weight = pos_weight
        self.threshold = threshold
        self.tuned: dict[str, float] = {}
        self.weights: np.ndarray | None = None  # (C,) of classes that are there

    @property
    def learning(self) -> Any:
        """See `TaskSpec`."""
        from interlace.tasks.multi_label.learning import MultiLabelLearning

        return MultiLabelLearning(self)

    def claim(self, survey: "LabelSurvey") -> Claim | None:
        """Claim lists of names without single labels."""
        if not survey.lists or survey.single:
            return None
        return Claim(2, "labels: lists of classes (multi_label); task=sequence_labels takes one for each word instead")

    def check_labels(self, path: Path, records: Sequence[Record], fields: Sequence[str]) -> None:
        """Raise UserError unless a line has `labels`."""
        if not any(_field(record) is not None for record in records):
            raise UserError(
                f"{path}: no line has `labels`; expected a list of classes in each, or data.label=FIELD for another "
                f"field; other fields: {', '.join(fields) or 'none'}"
            )

    def read(self, record: Record, order: Sequence[str] | None) -> tuple[str, ...]:
        """Return the names, each once, sorted."""
        found = {class_name(value) for value in self._values(record)}
        for name in found:
            if order is not None and name not in order:
                raise BadExample("unknown label", f"{name[:40]!r} is not one of {', '.join(order)} (data.class_order)")
        return tuple(sorted(found))

    def _values(self, record: Record) -> list[Any]:
        value = _field(record)
        if self.separator is not None and missing(value):
            return []
        if self.separator is not None and isinstance(value, str):
            return [name.strip() for name in value.split(self.separator) if name.strip()]
        if value is None:
            raise BadExample("no labels", "every training example needs `labels`, [] for none")
        if not isinstance(value, list):
            hint = f"expected a list; task.separator={value[1]!r} splits text" if _splits(value) else "expected a list"
            raise BadExample("wrong type", f"labels is {str(value)[:40]!r}, {hint}")
        return value

    def spelled(self, record: Record) -> list[Any]:
        """Return each name as written."""
        try:
            return self._values(record)
        except BadExample:
            return []

    def find_classes(self, answers: Sequence[Any]) -> list[str]:
        """Return every name that occurs: numbers by value, then words."""
        return sorted_classes({name for answer in answers for name in answer})

    def check_classes(self, path: Path, classes: Sequence[str], problem: str | None) -> None:
        """Raise UserError if no label occurs."""
        if not classes:
            raise UserError(f"{path}: no line names a class in `labels`" + (f"; {problem}" if problem else ""))

    def stratum(self, answer: Any) -> Any:
        """The classes."""
        return frozenset(answer)

    def arrays(self, answers: Sequence[Any], records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Return labels (N, C) uint8, 1 for a class of the example."""
        found = np.zeros((len(answers), len(data.classes)), dtype=np.uint8)
        for row, answer in enumerate(answers):
            found[row, data.class_ids(list(answer))] = 1
        return TargetArrays(found)

    def arrays_of_new(self, records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Return the labels of known classes; all 0 for a record without labels."""
        known = {canonical(name): index for index, name in enumerate(data.classes)}
        found = np.zeros((len(records), len(data.classes)), dtype=np.uint8)
        for row, record in enumerate(records):
            ids = [known[name] for value in self.spelled(record) if (name := canonical(value)) in known]
            found[row, ids] = 1
        return TargetArrays(found)

    def content(self, answers: Sequence[Any]) -> dict[str, Any]:
        """Return the number of examples of each class; an example may count for several."""
        return {"classes": dict(sorted(Counter(name for answer in answers for name in answer).items()))}

    def describe(self, data: "DataModule") -> dict[str, Any]:
        """Return, by split, the examples of each class, those without classes, and the mean number of classes."""
        sums = {name: split.labels.sum(0, dtype=np.int64).tolist() for name, split in data.splits.items()}
        counts = {name: split.labels.sum(1, dtype=np.int64) for name, split in data.splits.items()}
        return {
            "class_counts": {name: dict(zip(data.classes, each, strict=True)) for name, each in sums.items()},
            "without_labels": {name: int((each == 0).sum()) for name, each in counts.items()},
            "labels_per_example": {name: round(float(each.mean()), 4) for name, each in counts.items() if len(each)},
        }

    def notes(self, data: "DataModule") -> list[str]:
        """Return a note on labels unknown to the run, with the number of test examples that have one."""
        if data.known is None or "test" not in data.splits:
            return []
        first, labels = len(data.known.classes), data.splits["test"].labels
        counts = zip(data.classes[first:], labels[:, first:].sum(0, dtype=np.int64).tolist(), strict=True)
        new = [f"{name} {count}" for name, count in counts if count]
        if not new:
            return []
        rows = int(labels[:, first:].any(1).sum())
        return [
            f"{rows} of {len(labels)} test examples have labels that the run never had ({', '.join(new)}), which it "
            "cannot answer: each counts as missed"
        ]

    def constant(self, train: np.ndarray, test: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
        """Return metrics of constant predictions chosen on the training data: Hamming loss of the classes that most
        examples have, subset accuracy of the most frequent set, and best micro F1 of the most frequent classes.
        """
        if not len(train) or not len(test):
            return {"hamming_loss": None, "subset_accuracy": None, "f1_micro": None}
        sets, counts = np.unique(train, axis=0, return_counts=True)
        shares = train.mean(0)
        order = np.argsort(-shares, kind="stable")
        answers = [np.isin(np.arange(len(classes)), order[:size]) for size in range(1, len(classes) + 1)]
        best = max(answers, key=lambda answer: _constant_f1(train, answer))
        return {
            "hamming_loss": round(float(((shares > 0.5) != (test > 0)).mean()), 4),
            "subset_accuracy": round(float((test == sets[counts.argmax()]).all(1).mean()), 4),
            "f1_micro": round(_constant_f1(test, best), 4),
        }

    def shown_label(self, data: "DataModule", split: "Split", index: int) -> str:
        """Return the names separated by commas."""
        return ", ".join(self._named(split.labels[index] > 0, data.classes)) or "none"

    def num_outputs(self, classes: Sequence[str]) -> int:
        """Return the number of classes: one logit each."""
        return len(classes)

    def learn_from(self, data: "DataModule") -> None:
        """Set the loss weight of each class from the training labels."""
        if self.pos_weight is None:
            self.weights = None
        elif self.pos_weight == "balanced":
            present = data.splits["train"].labels.sum(0, dtype=np.int64)
            absent = len(data.splits["train"]) - present
            self.weights = np.where(present > 0, absent.clip(1) / present.clip(1), 1.0)
        elif isinstance(self.pos_weight, Mapping):
            for name in self.pos_weight:
                if canonical(name) not in data.classes:
                    near = did_you_mean(str(name), data.classes)
                    raise UserError(f"task.pos_weight: no class is called {name!r}; {near}")
            by_name = {canonical(name): weight for name, weight in self.pos_weight.items()}
            self.weights = np.array([by_name.get(name, 1.0) for name in data.classes])
        else:
            self.weights = np.full(len(data.classes), float(self.pos_weight))

    def thresholds(self, classes: Sequence[str]) -> np.ndarray:
        """Return the thresholds (C,) of the classes."""
        if self.threshold == "tuned":
            return np.array([self.tuned.get(name, UNTUNED) for name in classes])
        return np.full(len(classes), float(self.threshold))

    def restore(self, metrics: Mapping[str, float], classes: Sequence[str]) -> None:
        """Restore the tuned thresholds from metrics."""
        self.tuned = {name: float(metrics.get(f"val/threshold/{name}", UNTUNED)) for name in classes}

    def columns(self, data: "DataModule", prediction: np.ndarray, label: np.ndarray) -> dict[str, Any]:
        """Return the columns labels and prediction (names separated by "|"), correct (all classes), p/<class>, and
        scores of items: subset_accuracy, hamming_loss, f1_samples. Without finite probabilities the prediction is null.
        """
        answered = np.isfinite(prediction).all(1)
        given, wanted = prediction >= self.thresholds(data.classes), label > 0  # (N, C)
        hits, size = (given & wanted).sum(1), given.sum(1) + wanted.sum(1)
        correct = (given == wanted).all(1) & answered
        texts = ["|".join(self._named(row, data.classes)) for row in given]
        return {
            "labels": ["|".join(self._named(row, data.classes)) for row in wanted],
            "prediction": [text if there else None for text, there in zip(texts, answered, strict=True)],
            "correct": correct,
            "score/subset_accuracy": correct.astype(np.float64),
            "score/hamming_loss": np.where(answered, (given != wanted).mean(1), 1.0),
            "score/f1_samples": np.where(answered, np.where(size, 2 * hits / np.maximum(size, 1), 1.0), 0.0),
            **{f"p/{name}": prediction[:, c].astype(np.float32) for c, name in enumerate(data.classes)},
        }

    def answers(self, data: "DataModule", outputs: np.ndarray, split: "Split") -> list[dict[str, Any]]:
        """Return {"prediction": [classes], "probabilities": {class: p}} for each example."""
        limits = self.thresholds(data.classes)
        return [
            {
                "prediction": self._named(row >= limits, data.classes),
                "probabilities": {name: round(float(p), 6) for name, p in zip(data.classes, row, strict=True)},
            }
            for row in outputs
        ]

    def widened(self, outputs: np.ndarray, data: "DataModule") -> np.ndarray:
        """Return the outputs with probability 0 for the classes after those of the run."""
        return np.pad(outputs, ((0, 0), (0, len(data.classes) - outputs.shape[1])))

    def _named(self, row: np.ndarray, classes: Sequence[str]) -> list[str]:
        return [classes[index] for index in np.flatnonzero(row).tolist()]


def _field(record: Record) -> Any:
    return record["label"] if record.get("label") is not None else record.get("labels")


def _splits(value: Any) -> bool:
    """Return whether a value is text that looks like names with a separator."""
    return isinstance(value, str) and len(value) == 3 and not value[1].isalnum()


def _constant_f1(labels: np.ndarray, answer: np.ndarray) -> float:
    """Return the micro F1 of one constant prediction (C,) against all labels (N, C)."""
    hits = int(labels[:, answer].sum(dtype=np.int64))
    total = len(labels) * int(answer.sum()) + int(labels.sum(dtype=np.int64))
    return 2 * hits / total if total else 1.0
