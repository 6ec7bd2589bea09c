"""Labels of auxiliary tasks, derived from the groups of a data set."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from interlace.configuration.suggestions import did_you_mean
from interlace.configuration.tasks import task_class, task_named, task_names
from interlace.data.problems import BadExample
from interlace.data.task_spec import TaskSpec
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule

NONE = "none"  # the group of an example without the label


class LabelSpec(NamedTuple):
    """The type of a further label: its task, and its classes if it has any."""

    kind: str
    classes: list[str]


def attach_labels(data: "DataModule", kinds: Mapping[str, str]) -> None:
    """Turn groups of prepared data into labels: sets `data.further_labels` and `further_labels` of every split.

    Groups are attributes of examples beside the label: `requires` of scenes, the speaker of av_digits, any field of a
    manifest named in `data.groups`. Classes are those of the training split, sorted. An example has no label if its
    value is "none" (null in a manifest) or, outside of training, absent from training. A group that is not a class no
    longer splits metrics. Raises UserError for an unknown group, a single class, or text instead of a number.
    """
    for name, kind in kinds.items():
        for split in data.splits.values():
            if name not in split.groups:
                raise UserError(
                    f"multitask.labels: the data have no group {name!r}; {did_you_mean(name, split.groups)}"
                    " (a manifest's groups are the fields named in data.groups)"
                )
        if name in data.modalities or name == "joint":
            raise UserError(f"multitask.labels: {name!r} is the name of a modality or of the main task already")
        spec = _spec(name, kind)
        values = [value for value in data.splits["train"].groups[name].tolist() if value != NONE]
        classes = spec.find_classes(values)
        if spec.has_classes and len(classes) < 2:
            raise UserError(f"multitask.labels.{name}: training examples have {classes}; expected two classes or more")
        data.further_labels[name] = LabelSpec(kind, classes)
        for split in data.splits.values():
            split.further_labels[name] = _encoded(name, split.groups[name], classes, spec)
            if not spec.has_classes:
                split.groups = {key: group for key, group in split.groups.items() if key != name}


def _spec(name: str, kind: str) -> TaskSpec:
    spec: TaskSpec = task_named(kind)
    if spec.absent is None:
        able = [task for task in task_names() if task_class(task).absent is not None]
        raise UserError(f"multitask.labels.{name}: a group is not a label of {kind}; expected one of {', '.join(able)}")
    return spec


def _encoded(name: str, values: np.ndarray, classes: list[str], spec: TaskSpec) -> np.ndarray:
    """Labels (N,), with `spec.absent` for an example without one."""
    found = []
    for value in values.tolist():
        try:
            found.append(spec.absent if value == NONE else spec.further_label(value, classes))
        except BadExample:
            raise UserError(
                f"multitask.labels.{name}: {value[:40]!r} is not a label of {spec.name}; expected {spec.labels}, or "
                "name another task"
            ) from None
    return np.array(found, dtype=np.int64 if spec.has_classes else np.float32)
