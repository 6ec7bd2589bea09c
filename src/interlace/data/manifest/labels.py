"""What the labels of a manifest are: the task that they ask for, and the classes or numbers that they name."""

import math
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from interlace.data.encoding import check_text
from interlace.data.problems import BadExample
from interlace.data.spellings import canonical, number_of
from interlace.errors import UserError

Task = Literal["classification", "regression", "generation"]
MANY_NUMBERS = 20  # distinct whole numbers up to which labels are classes
FRACTIONAL = 1 / 3  # of the distinct numbers from which the grid they lie on is a scale
NUMBERS = 0.9  # share of labels that are numbers from which the others are slips
KEPT = 100_000  # distinct numbers of a manifest that are remembered


class InferredTask(NamedTuple):
    """The task, and `why`: a sentence where labels leave room for another, which names the option; else None."""

    task: Task
    why: str | None


class Numbers:
    """The distinct numbers among labels, one pass over any number of them."""

    def __init__(self) -> None:
        self.labels = 0
        self.count = 0
        self.distinct: set[float] = set()

    def add(self, label: Any) -> None:
        """Counts a label that is there."""
        self.labels += 1
        number = number_of(label)
        if number is not None:
            self.count += 1
            if len(self.distinct) < KEPT:
                self.distinct.add(number)

    @property
    def are_labels(self) -> bool:
        """Whether labels are numbers, a few slips aside."""
        return self.count > 0 and self.count >= NUMBERS * self.labels

    @property
    def are_quantities(self) -> bool:
        """Whether the numbers lie on a scale: not all whole, or many of them that do not count up from 0 or 1. Two
        numbers tell two classes apart."""
        fractional = sum(number != int(number) for number in self.distinct)
        if len(self.distinct) <= 2:
            return False
        if fractional >= FRACTIONAL * len(self.distinct):
            return True
        first, last = min(self.distinct), max(self.distinct)
        counted = not fractional and first in (0, 1) and last - first + 1 == len(self.distinct)
        return len(self.distinct) > MANY_NUMBERS and not counted

    def __str__(self) -> str:
        whole = "whole numbers" if all(number == int(number) for number in self.distinct) else "numbers"
        many = "at least " if len(self.distinct) == KEPT else ""
        return f"{many}{len(self.distinct):,} {whole} from {min(self.distinct):g} to {max(self.distinct):g}"


def infer_task(records: Iterable[Mapping[str, Any]]) -> InferredTask:
    """Texts are to be written where there are `target`s and no `label`; else what all labels are."""
    numbers, targets = Numbers(), 0
    for record in records:
        if not _missing(label := record.get("label")):
            numbers.add(label)
        targets += record.get("target") is not None
    if not numbers.labels and targets:
        return InferredTask("generation", None)
    if numbers.are_labels and numbers.are_quantities:
        why = f"label: {numbers} are quantities (regression); data.task=classification makes each of them a class"
        return InferredTask("regression", why)
    if numbers.are_labels and len(numbers.distinct) > 2:
        why = f"label: {numbers} are classes; data.task=regression takes them as quantities"
        return InferredTask("classification", why)
    return InferredTask("classification", None)


def check_labels(path: Path, records: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> None:
    """UserError unless there is a label; `fields` are the others that lines have."""
    if not any(record.get("label") is not None for record in records):
        raise UserError(
            f"{path}: no line has a `label` (or a `target`, for texts to write); expected one in each, or "
            "data.label=FIELD for another field; other fields: " + (", ".join(fields) or "none")
        )


def target_of(record: Mapping[str, Any]) -> str:
    """The text to be written, with a prompt that is text or absent; else BadExample."""
    target, prompt = record.get("target"), record.get("prompt")
    if target is None:
        raise BadExample("no target", "every training example needs a text to write")
    if prompt is not None and not isinstance(prompt, str):
        raise BadExample("wrong type", f"prompt is {type(prompt).__name__} {str(prompt)[:40]!r}, expected text")
    return check_text("target", target)


def class_name(value: Any) -> str:
    """A class in its canonical spelling; BadExample for what is neither text, a number nor true or false."""
    if isinstance(value, str | bool) or (isinstance(value, int | float) and number_of(value) is not None):
        return canonical(value)
    raise BadExample("wrong type", f"label is {str(value)[:40]!r}, expected one text or number")


def checked_order(names: Sequence[Any], task: Task | None) -> list[str]:
    """Classes in the order that `data.class_order` gives, in their canonical spelling."""
    order = [canonical(name) for name in names]
    if len(set(order)) < max(2, len(order)) or task not in (None, "classification"):
        raise UserError(
            f"data.class_order: got {list(names)!r}; expected two or more different classes, from least to most, "
            "of data.task=classification"
        )
    return order


def label_of(record: Mapping[str, Any], regression: bool, classes: Collection[str] | None = None) -> str | float:
    """A class name, one of `classes` where these are given, or a number; else BadExample."""
    value = record.get("label")
    if _missing(value):
        raise BadExample("no label", "every training example needs a label")
    if not regression:
        name = class_name(value)
        if classes is not None and name not in classes:
            raise BadExample("unknown label", f"{name[:40]!r} is not one of {', '.join(classes)} (data.class_order)")
        return name
    number = number_of(value)
    if number is None:
        raise BadExample("wrong type", f"label is {str(value)[:40]!r}, expected a number (data.task=regression)")
    return number


def answer_of(record: Mapping[str, Any], task: Task, classes: Collection[str] | None) -> str | float:
    """What a record asks for: the text to be written, the name of a class (one object each), or a number; else
    BadExample."""
    if task == "generation":
        return target_of(record)
    label = label_of(record, task == "regression", classes)
    return sys.intern(label) if isinstance(label, str) else label


def _missing(label: Any) -> bool:
    return label is None or (isinstance(label, str) and not label.strip())


def sorted_classes(names: set[str]) -> list[str]:
    """Class names in order, numbers by value and before words."""

    def key(name: str) -> tuple[int, float, str]:
        try:
            number = float(name)
        except ValueError:
            return 1, 0.0, name
        return (0, number, name) if math.isfinite(number) else (1, 0.0, name)

    return sorted(names, key=key)
