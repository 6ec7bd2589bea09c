"""Sequence labelling: the part without torch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from interlace.data.labels import class_name, sorted_classes
from interlace.data.problems import BadExample
from interlace.data.spellings import canonical
from interlace.data.task_spec import Record, TargetArrays, TaskSpec
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule
    from interlace.data.split import Split

IGNORED = -100  # a position without label: padding, a token that begins no word, null in the file
ASKED = -1  # a position of a new example with unknown label


class SequenceLabels(TaskSpec):
    """A class for each word of a text or row of features; labels (N, T) int64, outputs logits (B, T, C).

    The field `labels` has one name for each word between spaces (or row of features in the line); null excludes a
    position from loss and metrics. A word split by the tokenizer has its label at the first token; its other tokens
    are ignored (Devlin et al. 2019, section 5.3). Spans for `span_f1`: with names B-X and I-X those of IOB2 as in
    conlleval, where an I-X without predecessor begins a span; else each run of one class other than `outside`.
    """

    name = "sequence_labels"
    labels = "sequences of classes"
    reserved = ("labels",)
    heads = ("token",)
    needed = ("head=token",)
    monitor = "val/accuracy"
    usual = ("accuracy", "f1", "span_f1", "exact_match", "loss")
    has_classes = True
    pooled = False

    def __init__(self, *, modality: str, outside: str | None) -> None:
        self.token_modality = self.modality = modality
        self.outside = outside

    @property
    def learning(self) -> Any:
        """See `TaskSpec`."""
        from interlace.tasks.sequence_labels.learning import SequenceLearning

        return SequenceLearning(self)

    def check_labels(self, path: Path, records: Sequence[Record], fields: Sequence[str]) -> None:
        """Raise UserError unless a line has `labels` and a line has the labelled modality."""
        if not any(_field(record) is not None for record in records):
            raise UserError(
                f"{path}: no line has `labels`; expected a list in each, one class for each word of "
                f"{self.token_modality!r}, or data.label=FIELD for another field; other fields: "
                f"{', '.join(fields) or 'none'}"
            )
        if not any(record.get(self.modality) is not None for record in records):
            raise UserError(
                f"task.modality: no line has {self.token_modality!r}, whose words or rows are labelled; name one of "
                f"{', '.join(fields) or 'none'}"
            )

    def read(self, record: Record, order: Sequence[str] | None) -> tuple[str | None, ...]:
        """Return a name or None for each word or row."""
        values = _field(record)
        if not isinstance(values, list):
            raise BadExample("wrong type", f"labels is {str(values)[:40]!r}, expected a list, one class for each word")
        found = tuple(None if value is None else class_name(value) for value in values)
        size = self._size(record)
        if size is not None and len(found) != size:
            raise BadExample(
                "wrong length", f"labels has {len(found)} entries, and {self.token_modality} has {size} words or rows"
            )
        for name in found:
            if order is not None and name is not None and name not in order:
                raise BadExample("unknown label", f"{name[:40]!r} is not one of {', '.join(order)} (data.class_order)")
        return found

    def _size(self, record: Record) -> int | None:
        """Return the number of words or rows of the modality; None if it is in a file."""
        value = record.get(self.modality)
        if isinstance(value, str):
            return len(value.split())
        return len(value) if isinstance(value, list) else None

    def spelled(self, record: Record) -> list[Any]:
        """Return each name as written."""
        values = _field(record)
        return [value for value in values if value is not None] if isinstance(values, list) else []

    def find_classes(self, answers: Sequence[Any]) -> list[str]:
        """Return every name that occurs: numbers by value, then words."""
        return sorted_classes({name for answer in answers for name in answer if name is not None})

    def check_classes(self, path: Path, classes: Sequence[str], problem: str | None) -> None:
        """Raise UserError for fewer than two classes."""
        if len(classes) < 2:
            raise UserError(
                f"{path}: expected at least two classes in `labels`, found {', '.join(classes) or 'none'}"
                + (f"; {problem}" if problem else "")
            )

    def stratum(self, answer: Any) -> Any:
        """The classes that occur."""
        return frozenset(name for name in answer if name is not None)

    def arrays(self, answers: Sequence[Any], records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Return class ids (N, T) at the positions of labelled tokens, IGNORED elsewhere."""
        ids = {name: index for index, name in enumerate(data.classes)}
        ids |= {canonical(name): index for name, index in ids.items()}
        labels = [[IGNORED if name is None else ids[canonical(name)] for name in answer] for answer in answers]
        return TargetArrays(self._placed(labels, records, data))

    def arrays_of_new(self, records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Return ASKED at the position of every word or row, IGNORED elsewhere."""
        labels = [[ASKED] * (self._size(record) or 0) for record in records]
        return TargetArrays(self._placed(labels, records, data))

    def _placed(self, labels: Sequence[Sequence[int]], records: Sequence[Record], data: "DataModule") -> np.ndarray:
        """Return labels (N, T) with those of words at their first tokens, truncated like the text."""
        most, rows = data.modalities[self.modality].shape[0], []
        for each, record in zip(labels, records, strict=True):
            text = record.get(self.modality)
            if isinstance(text, str) and self.modality in data.tokenizers:
                tokenizer: Any = data.tokenizers[self.modality]
                row: list[int] = []
                for label, word in zip(each, text.split(), strict=False):
                    row += [label, *[IGNORED] * (len(tokenizer.encode(word)) - 1)]
            else:
                row = list(each)
            rows.append(row[:most])
        found = np.full((len(rows), max([1, *map(len, rows)])), IGNORED, dtype=np.int64)
        for index, row in enumerate(rows):
            found[index, : len(row)] = row
        return found

    def content(self, answers: Sequence[Any]) -> dict[str, Any]:
        """Return the number of labels of each class."""
        counts = Counter(name for answer in answers for name in answer if name is not None)
        return {"classes": dict(sorted(counts.items()))}

    def describe(self, data: "DataModule") -> dict[str, Any]:
        """Return the number of labels of each class, by split."""
        counts = {
            name: np.bincount(split.labels[split.labels >= 0], minlength=len(data.classes)).tolist()
            for name, split in data.splits.items()
        }
        return {"class_counts": {name: dict(zip(data.classes, each, strict=True)) for name, each in counts.items()}}

    def constant(self, train: np.ndarray, test: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
        """Return the accuracy of the most frequent class at every position."""
        known, asked = train[train >= 0], test[test >= 0]
        if not len(known) or not len(asked):
            return {"class": None, "accuracy": None}
        best = int(np.bincount(known, minlength=len(classes)).argmax())
        return {"class": classes[best], "accuracy": round(float((asked == best).mean()), 4)}

    def shown_label(self, data: "DataModule", split: "Split", index: int) -> str:
        """Return the names separated by spaces."""
        return self._named(split.labels[index], split.labels[index], data.classes)

    def _named(self, ids: np.ndarray, label: np.ndarray, classes: Sequence[str]) -> str:
        """Return the names of the ids at labelled positions."""
        return " ".join(classes[index] for index in ids[label >= 0].tolist())

    def num_outputs(self, classes: Sequence[str]) -> int:
        """Return the number of classes: one logit each."""
        return len(classes)

    def check_model(self, fusion: Any, encoders: Mapping[str, Any]) -> None:
        """Check also that the model reads the labelled modality."""
        super().check_model(fusion, encoders)
        if self.token_modality not in encoders:
            raise UserError(
                f"task.modality: the model does not read {self.token_modality!r}, whose words or rows are labelled; "
                f"add it to modalities ({', '.join(encoders)})"
            )

    def columns(self, data: "DataModule", prediction: np.ndarray, label: np.ndarray) -> dict[str, Any]:
        """Return the columns labels and prediction (names at labelled positions) and correct (all of them)."""
        answers, there = prediction.argmax(-1), label >= 0
        finite = np.isfinite(prediction).all((1, 2))
        texts = [self._named(*pair, data.classes) for pair in zip(answers, label, strict=True)]
        return {
            "labels": [self._named(row, row, data.classes) for row in label],
            "prediction": [text if known else None for text, known in zip(texts, finite, strict=True)],
            "correct": ((answers == label) | ~there).all(1) & finite,
        }

    def answers(self, data: "DataModule", outputs: np.ndarray, split: "Split") -> list[dict[str, Any]]:
        """Return {"prediction": [class of each word], "probability": [of that class]} for each example."""
        found = []
        for row, label in zip(outputs, split.labels, strict=True):
            asked = row[label != IGNORED]  # (T, C)
            names = [data.classes[index] for index in asked.argmax(1).tolist()] if len(asked) else []
            found.append({"prediction": names, "probability": [round(float(p), 6) for p in asked.max(1, initial=0.0)]})
        return found

    def widened(self, outputs: np.ndarray, data: "DataModule") -> np.ndarray:
        """Return the outputs with probability 0 for the classes after those of the run."""
        return np.pad(outputs, ((0, 0), (0, 0), (0, len(data.classes) - outputs.shape[2])))


def _field(record: Record) -> Any:
    return record["label"] if record.get("label") is not None else record.get("labels")


Span = tuple[int, int, str]  # first and last position, kind


def spans_of(names: Sequence[str], outside: str | None) -> set[Span]:
    """Return the spans of a sequence of names; see `SequenceLabels`."""
    found: set[Span] = set()
    first, kind = 0, ""
    for position, name in enumerate([*names, ""]):
        prefix, _, rest = name.partition("-")
        begins, inside = prefix == "B" and bool(rest), prefix == "I" and bool(rest)
        if begins or inside:
            here, goes_on = rest, inside and rest == kind
        else:
            here, goes_on = ("" if name == outside else name), name == kind and bool(kind)
        if goes_on:
            continue
        if kind:
            found.add((first, position - 1, kind))
        first, kind = position, here
    return found
