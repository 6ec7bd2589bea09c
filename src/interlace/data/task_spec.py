"""Base of all tasks: the part that data, predictions and reports need, without torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from interlace.data.problems import BadExample
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule
    from interlace.data.labels import LabelSurvey
    from interlace.data.split import Split

Record = Mapping[str, Any]


class Claim(NamedTuple):
    """Strength of a claim on the labels of a manifest (the greatest wins), and `why`: a sentence where
    they leave room for another task, which names the option; else None."""

    strength: int
    why: str | None = None


class TargetArrays(NamedTuple):
    """Labels (N, ...) of a split, one row an example, and further arguments of `Split` (targets, prompts)."""

    labels: np.ndarray
    texts: Mapping[str, Any] = MappingProxyType({})


class Joined(NamedTuple):
    """Outputs and labels (m, ...) of items that were read in parts, and the row (m,) of a part of each."""

    rows: np.ndarray
    outputs: np.ndarray
    labels: np.ndarray


class TaskSpec:
    """A task: what its labels are, how they are read, learned, measured, predicted and shown.

    A subclass is one folder (of `interlace.tasks`, or of a plug-in), named by a file of conf/task with its options.
    `learning` gives the part that needs torch (`interlace.tasks.learning`). Attributes:

    name         the file of conf/task, and the value of data.task
    labels       what its labels are, in messages ("classes")
    reserved     fields of a manifest that hold labels, beside `label` and `target`
    heads        choices of conf/head that give its outputs, the first one the usual; none for texts
    needed       overrides that a run of a manifest needs beside experiment=manifest, where labels tell the task
    monitor      the validation metric that is watched by default
    usual        metrics that every run reports
    takes        tasks of data sets whose labels it reads as its own, where the user asks for it (task=NAME)
    offered      metrics that metrics.names may add
    writes       its answers are texts, which a decoder writes
    has_classes  its labels name classes: `DataModule.classes`, data.class_order
    has_softmax  its outputs are logits (B, C) of exclusive classes: what temperature scaling, focal loss, weights of
                 classes and gradient modulation need
    pooled       one output an example, from one vector: what fusions that decide and heads of modalities give
    token_modality  the modality whose encoder's tokens the head reads (`Fused.aux["tokens"]`); None: the pooled vector
    mixes        labels of two examples may be averaged (mixup)
    fitted_as    classes, numbers or spans, to which models without encoders are fitted (linear, best_sentence), or None
    absent       the label of an example that has none, where a group may be one (multitask.labels); None: it may not
    leaks_as     the score by which a single field may tell the label; None: not looked for
    """

    name = ""
    labels = "labels"
    reserved: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    monitor = "val/loss"
    takes: tuple[str, ...] = ()
    usual: tuple[str, ...] = ("loss",)
    offered: tuple[str, ...] = ()
    writes = False
    has_classes = False
    has_softmax = False
    has_sigmoid = False  # its outputs are logits (B, C) of independent classes
    pooled = True
    token_modality: str | None = None
    mixes = False
    fitted_as: Literal["classes", "numbers", "spans"] | None = None
    absent: float | None = None
    leaks_as: Literal["accuracy", "r2"] | None = None

    @property
    def learning(self) -> Any:
        """The `TaskLearning` of this task, which imports torch."""
        raise NotImplementedError

    # Labels of a manifest.

    def claim(self, survey: "LabelSurvey") -> Claim | None:
        """The claim of this task on labels without a named task; None: they are of another."""
        return None

    def check_labels(self, path: Path, records: Sequence[Record], fields: Sequence[str]) -> None:
        """UserError unless there is a label; `fields` are the others that lines have."""
        if not any(record.get("label") is not None for record in records):
            raise UserError(
                f"{path}: no line has a `label` (or a `target`, for texts to write); expected one in each, or "
                "data.label=FIELD for another field; other fields: " + (", ".join(fields) or "none")
            )

    def read(self, record: Record, order: Sequence[str] | None) -> Any:
        """The answer of a record, a plain value (`order`: the classes that the user names); else BadExample."""
        raise NotImplementedError

    def spelled(self, record: Record) -> Sequence[Any]:
        """The names of classes in a record as they are written there, of which spellings are counted."""
        return [record.get("label")]

    def find_classes(self, answers: Sequence[Any]) -> list[str]:
        """The classes among what `read` gave, in the order of their ids."""
        return []

    def check_classes(self, path: Path, classes: Sequence[str], problem: str | None) -> None:
        """UserError for too few classes; `problem` is the first of the file's lines."""

    def further_label(self, value: str, classes: Sequence[str]) -> float:
        """The label that the value of a group is, `absent` for one that training never had; BadExample for none."""
        raise NotImplementedError

    def stratum(self, answer: Any) -> Any:
        """The property that drawn splits and folds have in the same proportions, or a frozenset of any number of them
        (iterative stratification); None for a task without any."""
        return None

    def arrays(self, answers: Sequence[Any], records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Results of `read` as a split holds them."""
        raise NotImplementedError

    def content(self, answers: Sequence[Any]) -> dict[str, Any]:
        """Summary of labels, plain JSON: {"classes": {name: examples}}, {"labels": {"mean", "min", "max"}}."""
        return {}

    # Examples.

    def check_record(self, record: Record) -> None:
        """BadExample for a new example that cannot be answered, whatever its modalities are."""

    def arrays_of_new(self, records: Sequence[Record], data: "DataModule") -> TargetArrays:
        """Labels of new examples, of which some or all may have none, or one that is not known."""
        raise NotImplementedError

    def describe(self, data: "DataModule") -> dict[str, Any]:
        """Entries of data_description.json on the labels beside the task."""
        return {}

    def notes(self, data: "DataModule") -> list[str]:
        """Notes on the labels for readers of metrics."""
        return []

    def answers_of(self, split: "Split") -> np.ndarray:
        """The answers that `constant` learns from and is tested on: (N, ...), one row an example."""
        return split.labels

    def constant(self, train: np.ndarray, test: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
        """Test scores of the best constant answer of the training labels, by metric, with that answer."""
        return {}

    def shown_label(self, data: "DataModule", split: "Split", index: int) -> str:
        """The label of an example as people read it."""
        raise NotImplementedError

    def class_ids(self, split: Any) -> np.ndarray | None:
        """The one class of every row (N,), for balanced draws; None where an example has none, or several."""
        return None

    # Outputs.

    def num_outputs(self, classes: Sequence[str]) -> int:
        """Numbers that the model gives for an answer."""
        raise NotImplementedError

    def learn_from(self, data: "DataModule") -> None:
        """Takes in what the loss needs to know of the training labels."""

    def check_model(self, fusion: Any, encoders: Mapping[str, Any]) -> None:
        """UserError for a model whose outputs this task cannot read."""
        if not self.pooled and fusion.decides:
            raise UserError(
                f"fusion: it decides for the whole example, and {self.name} asks for an answer to each of its parts; "
                "choose a fusion that leaves the answer to a head, such as attention"
            )

    def label_column(self, data: "DataModule", labels: np.ndarray) -> np.ndarray:
        """Labels (N, ...) as the column `label` of predictions.parquet has them, (N,)."""
        raise NotImplementedError

    def columns(self, data: "DataModule", prediction: np.ndarray, label: np.ndarray) -> dict[str, Any]:
        """Columns of predictions.parquet beside id, groups and cluster, of what `TaskLearning.activate` gave.

        `score/<metric>` is what each item adds to a metric that is the mean over items; reports pair arms by it.
        """
        raise NotImplementedError

    def answers(self, data: "DataModule", outputs: np.ndarray, split: "Split") -> list[dict[str, Any]]:
        """The answer of `predict` to each new example of `split` beside its id, plain JSON."""
        raise NotImplementedError

    def join(self, split: "Split", rows: np.ndarray, outputs: np.ndarray, labels: np.ndarray) -> Joined:
        """Outputs (n, ...) of the `rows` of a split to those that are measured: of items whose parts the rows are."""
        return Joined(rows, outputs, labels)

    def widened(self, outputs: np.ndarray, data: "DataModule") -> np.ndarray:
        """Outputs of a model that was trained on fewer classes than `data` have: these get no chance."""
        return outputs

    def restore(self, metrics: Mapping[str, float], classes: Sequence[str]) -> None:
        """Takes in what a finished run learned from its validation data, from its metrics."""


def missing(label: Any) -> bool:
    """True for a record without a label."""
    return label is None or (isinstance(label, str) and not label.strip())


def label_there(record: Record) -> Any:
    """The label of a record; BadExample where there is none."""
    value = record.get("label")
    if missing(value):
        raise BadExample("no label", "every training example needs a label")
    return value
