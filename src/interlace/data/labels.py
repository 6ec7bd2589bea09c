"""Labels of a manifest: the task that they ask for, and the classes or numbers that they name."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from interlace.configuration.tasks import task_named, task_names
from interlace.data.problems import BadExample
from interlace.data.spellings import canonical, parse_number
from interlace.data.task_spec import TaskSpec, label_there, missing
from interlace.errors import UserError

MANY_NUMBERS = 20  # distinct whole numbers up to which labels are classes
FRACTIONAL = 1 / 3  # of the distinct numbers from which the grid they lie on is a scale
NUMBERS = 0.9  # share of labels that are numbers from which the others are slips
KEPT = 100_000  # distinct numbers of a manifest that are remembered


class InferredTask(NamedTuple):
    """The task, and `why`: a sentence where labels leave room for another, which names the option; else None."""

    task: str
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
        number = parse_number(label)
        if number is not None:
            self.count += 1
            if len(self.distinct) < KEPT:
                self.distinct.add(number)

    @property
    def are_labels(self) -> bool:
        """True if labels are numbers, a few slips aside."""
        return self.count > 0 and self.count >= NUMBERS * self.labels

    @property
    def are_quantities(self) -> bool:
        """True if the numbers lie on a scale: not all whole, or many of them that do not count up from 0 or 1. Two
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


@dataclass
class LabelSurvey:
    """The labels of a manifest, counted: the `numbers` among those in the field `label`; labels (in `label` or
    `labels`) that are single values, `lists` or `mappings`; `targets`; how many records have each field."""

    numbers: Numbers = field(default_factory=Numbers)
    targets: int = 0
    single: int = 0
    lists: int = 0
    mappings: int = 0
    fields: dict[str, int] = field(default_factory=dict)

    def add(self, record: Mapping[str, Any]) -> None:
        """Counts a record."""
        if not missing(label := record.get("label")):
            self.numbers.add(label)
        for value in (label, record.get("labels")):
            self.lists += isinstance(value, list)
            self.mappings += isinstance(value, Mapping)
        self.single += not missing(label) and not isinstance(label, list | Mapping)
        self.targets += record.get("target") is not None
        for name in record:
            self.fields[name] = self.fields.get(name, 0) + 1


def infer_task(records: Iterable[Mapping[str, Any]]) -> InferredTask:
    """The task that claims the labels most strongly (`TaskSpec.claim`): texts are to be written where there are
    `target`s and no `label`, numbers on a scale are quantities, and what is left are classes."""
    survey = LabelSurvey()
    for record in records:
        survey.add(record)
    specs: list[TaskSpec] = [task_named(name) for name in task_names()]
    claims = [(claim, spec.name) for spec in specs if (claim := spec.claim(survey)) is not None]
    claim, name = max(claims, key=lambda each: each[0].strength)
    return InferredTask(name, claim.why)


def class_name(value: Any) -> str:
    """A class in its canonical spelling; BadExample for what is neither text, a number nor true or false."""
    if isinstance(value, str | bool) or (isinstance(value, int | float) and parse_number(value) is not None):
        return canonical(value)
    raise BadExample("wrong type", f"label is {str(value)[:40]!r}, expected one text or number")


def checked_order(names: Sequence[Any], task: str | None) -> list[str]:
    """Classes in the order that `data.class_order` gives, in their canonical spelling."""
    order = [canonical(name) for name in names]
    if len(set(order)) < max(2, len(order)) or (task is not None and not task_named(task).has_classes):
        raise UserError(
            f"data.class_order: got {list(names)!r}; expected two or more different classes, from least to most, "
            "of data.task=classification"
        )
    return order


def class_of(record: Mapping[str, Any], classes: Collection[str] | None = None) -> str:
    """A class name, one of `classes` where these are given; else BadExample."""
    name = class_name(label_there(record))
    if classes is not None and name not in classes:
        raise BadExample("unknown label", f"{name[:40]!r} is not one of {', '.join(classes)} (data.class_order)")
    return name


def quantity_of(record: Mapping[str, Any]) -> float:
    """A number; else BadExample."""
    value = label_there(record)
    number = parse_number(value)
    if number is None:
        raise BadExample("wrong type", f"label is {str(value)[:40]!r}, expected a number (data.task=regression)")
    return number


def sorted_classes(names: set[str]) -> list[str]:
    """Class names in order, numbers by value and before words."""

    def key(name: str) -> tuple[int, float, str]:
        try:
            number = float(name)
        except ValueError:
            return 1, 0.0, name
        return (0, number, name) if math.isfinite(number) else (1, 0.0, name)

    return sorted(names, key=key)
