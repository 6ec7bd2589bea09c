"""The base class of all data sets."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interlace.configuration.tasks import task_named
from interlace.data.describing import describe_modalities, majority_priors
from interlace.data.encoding import Encoded, Limits, RecordEncoder
from interlace.data.export import write_example
from interlace.data.further_labels import LabelSpec
from interlace.data.notes import repeated_splits, same_examples
from interlace.data.problems import error_for
from interlace.data.sequences import SequenceTokenizer, tokenizer_from_state
from interlace.data.spellings import canonical
from interlace.data.split import Split
from interlace.data.task_spec import TaskSpec
from interlace.data.text import WordTokenizer
from interlace.errors import UserError
from interlace.tokens import ModalitySpec

__all__ = ["DataModule", "Split"]

DEFAULT_TASK = "classification"


class DataModule:
    """A data set with its three splits, after `prepare()`.

    Attributes: `modalities` (name -> ModalitySpec, in order), `task` (a file of conf/task; `spec` is that task),
    `classes` (names by class id; empty for tasks without), `fingerprint` (sha256 over content and arguments),
    `splits` ("train", "val", "test"),
    `further_labels` (a LabelSpec for each of `Split.further_labels`), `copies` (duplicated modality -> its original).
    A module made by `from_state` has no splits and does not need the data: it only encodes new examples. After
    `take_over` a module uses the vocabularies, classes and scales of a finished run and fits none to its own data.
    """

    def __init__(self, *, batch_size: int) -> None:
        check_range("batch_size", batch_size, minimum=1)
        self.batch_size = batch_size
        self.modalities: dict[str, ModalitySpec] = {}
        self.tokenizers: dict[str, WordTokenizer | SequenceTokenizer] = {}
        self.task = DEFAULT_TASK
        self.task_options: dict[str, Any] = {}
        self.classes: list[str] = []
        self.fingerprint = ""
        self.splits: dict[str, Split] = {}
        self.limits = Limits()
        self.further_labels: dict[str, LabelSpec] = {}
        self.copies: dict[str, str] = {}
        self.known: DataModule | None = None
        self._spec: TaskSpec | None = None

    @property
    def spec(self) -> TaskSpec:
        """The task with its options."""
        if self._spec is None or self._spec.name != self.task:
            self._spec = task_named(self.task, **self.task_options)
        return self._spec

    def take_task(self, spec: TaskSpec, options: Mapping[str, Any]) -> None:
        """Before `prepare`: learns the labels as another task than the data's own. UserError where they are of none
        that it takes."""
        if spec.name != self.task and self.task not in spec.takes:
            raise UserError(
                f"task={spec.name}: these data ask for {self.task} ({self.spec.labels}); leave it out, or choose data "
                f"with {spec.labels}"
            )
        self.task, self.task_options = spec.name, dict(options)

    def read_further(self, names: Sequence[str]) -> None:
        """Before `prepare`: the fields that hold further labels (multitask.labels), for data that read fields."""

    def take_over(self, known: "DataModule") -> None:
        """Uses what a run fitted to its data (a module made by `from_state`) for these data; called before `prepare`.

        Vocabularies, classes, scales, modalities, task and shapes are then those of the run. Classes that the run does
        not know follow its own in `classes`; the model cannot predict them. Raises UserError if the data cannot be read
        in this way.
        """
        self.known = known

    def prepare(self) -> None:
        """Finds, decodes or generates the data; a second call, or a second process, loads the arrays from the cache."""
        raise UserError("these data were restored from a run's data_state.json: they only encode new examples")

    def describe(self) -> dict[str, Any]:
        """Counts of examples and classes, modalities, and the majority priors that a model has to beat; plain types."""
        return {
            "task": self.task,
            "num_examples": {name: len(split) for name, split in self.splits.items()},
            "classes": list(self.classes),
            **self.spec.describe(self),
            "modalities": describe_modalities(self.modalities, self.splits),
            "priors": majority_priors(self.splits["train"], self.splits["test"], self.classes, self.spec),
        }

    def notes(self) -> list[str]:
        """Sentences about the data that a reader of the results has to know."""
        return [*self.spec.notes(self), *repeated_splits(self.splits, same_examples)]

    def known_first(self, classes: Sequence[str]) -> list[str]:
        """Classes found in the data in the order of their ids. After `take_over` these are the run's classes, then new
        ones that are not another spelling of one of the run's.
        """
        if self.known is None:
            return list(classes)
        names = {canonical(name) for name in self.known.classes}
        return [*self.known.classes, *(name for name in classes if canonical(name) not in names)]

    def class_ids(self, labels: Sequence[str]) -> np.ndarray:
        """Class ids (N,) of labels, each spelled like its class or equal to it in canonical form."""
        ids = {canonical(name): index for index, name in enumerate(self.classes)}
        ids |= {name: index for index, name in enumerate(self.classes)}
        return np.array([ids[label] if label in ids else ids[canonical(label)] for label in labels], dtype=np.int64)

    def encode(self, records: Sequence[Mapping[str, Any]], folder: Path) -> Split:
        """Encodes new examples as a split: each record maps modality names to text or to paths relative to `folder`.

        Labels are not needed; for generation, "prompt" holds the text before the output. Raises UserError naming every
        bad record.
        """
        encoded = self.encode_readable(records, folder)
        if encoded.problems:
            raise error_for("the examples to encode", encoded.problems, "correct or remove them")
        return encoded.split

    def encode_readable(self, records: Sequence[Mapping[str, Any]], folder: Path) -> Encoded:
        """Encodes the records that can be read, like `encode`; returns the problems of the others beside them."""
        read = {name: spec for name, spec in self.modalities.items() if name not in self.copies}
        encoder = RecordEncoder(read, self.tokenizers, self.limits)
        encoded = encoder.encode(
            records, Path(folder), self.spec.check_record, lambda kept: self.spec.arrays_of_new(kept, self)
        )
        for name, source in self.copies.items():
            encoded.split.duplicate(source, name)
        return encoded

    def add_copy(self, source: str, name: str) -> None:
        """Declares `name` as a duplicate of the modality `source`, which the splits already contain."""
        self.modalities[name] = self.modalities[source]
        if source in self.tokenizers:
            self.tokenizers[name] = self.tokenizers[source]
        self.copies[name] = source

    def example(self, split: str, index: int, folder: Path) -> dict[str, Any]:
        """One example for a report: {"id", "text", "image", "video", "audio", "label", "groups"}; media in `folder`.

        Paths are relative to `folder`; images are PNG and videos animated PNG (small ones enlarged), audio is WAV.
        """
        return write_example(self, split, index, Path(folder))

    def state(self) -> dict[str, Any]:
        """The state from which `from_state` restores a module that encodes new examples; plain JSON types."""
        further = {name: spec._asdict() for name, spec in self.further_labels.items()}
        return {
            "batch_size": self.batch_size,
            "task": self.task,
            **({"task_options": dict(self.task_options)} if self.task_options else {}),
            "classes": list(self.classes),
            "fingerprint": self.fingerprint,
            "modalities": {name: _plain(spec) for name, spec in self.modalities.items()},
            "tokenizers": {name: tokenizer.state() for name, tokenizer in self.tokenizers.items()},
            "limits": dataclasses.asdict(self.limits),
            **({"copies": dict(self.copies)} if self.copies else {}),
            **({"further_labels": further} if further else {}),
        }

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> "DataModule":
        """Restores, from the `state()` of a module, one that encodes new examples in the same way."""
        module = DataModule(batch_size=state["batch_size"])
        module.task = state["task"]
        module.task_options = dict(state.get("task_options", {}))
        module.classes = list(state["classes"])
        module.fingerprint = state["fingerprint"]
        module.modalities = {
            name: ModalitySpec(**{key: _tuples(value) for key, value in spec.items()})
            for name, spec in state["modalities"].items()
        }
        module.tokenizers = {name: tokenizer_from_state(words) for name, words in state["tokenizers"].items()}
        module.limits = Limits(**state["limits"])
        module.copies = dict(state.get("copies", {}))
        module.further_labels = {n: LabelSpec(**spec) for n, spec in state.get("further_labels", {}).items()}
        return module


def _plain(spec: ModalitySpec) -> dict[str, Any]:
    """A spec without its vocabulary, which is part of the tokenizer's state."""
    return {name: value for name, value in dataclasses.asdict(spec).items() if name != "words"}


def _tuples(value: Any) -> Any:
    """The value with lists, which JSON makes of tuples, turned back into tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def check_range(
    key: str,
    value: float | None,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
) -> None:
    """Raise UserError naming data.<key> unless minimum <= value <= maximum and value > above; None is accepted."""
    if value is None:
        return
    low = minimum is not None and not value >= minimum
    high = maximum is not None and not value <= maximum
    if low or high or (above is not None and not value > above):
        parts = [f"at least {minimum}"] if minimum is not None else []
        parts += [f"above {above}"] if above is not None else []
        parts += [f"at most {maximum}"] if maximum is not None else []
        raise UserError(f"data.{key}: got {value!r}; expected a value {' and '.join(parts)}")
