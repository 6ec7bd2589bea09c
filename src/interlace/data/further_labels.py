"""Labels of other tasks beside the one that is compared, from the groups of a data set."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.data.datamodule import DataModule

Kind = Literal["classification", "regression"]
NONE = -1  # class id of an example without the label; NaN for a number


class LabelSpec(NamedTuple):
    """What a further label is: a class among `classes`, or a number (no classes)."""

    kind: Kind
    classes: list[str]


def attach_labels(data: "DataModule", kinds: Mapping[str, Kind]) -> None:
    """Makes labels of groups of prepared data: `data.further_labels` and every split's `further_labels`.

    Groups are what a data set knows of its examples beside the label: `requires` of scenes, the speaker of av_digits,
    any field of a manifest named in `data.groups`. Classes are those of the training split, sorted; an example whose
    value is "none" (null in a manifest) or, outside of training, one that training never had, has no label. A group
    of numbers splits no metrics any more. UserError for an unknown group, one class alone, or text for a number.
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
        values = data.splits["train"].groups[name]
        classes = sorted({str(v) for v in values if v != "none"}) if kind == "classification" else []
        if kind == "classification" and len(classes) < 2:
            raise UserError(f"multitask.labels.{name}: training examples have {classes}; expected two classes or more")
        data.further_labels[name] = LabelSpec(kind, classes)
        for split in data.splits.values():
            split.further_labels[name] = _encoded(name, split.groups[name], classes)
            if kind == "regression":
                split.groups = {key: each for key, each in split.groups.items() if key != name}


def _encoded(name: str, values: np.ndarray, classes: list[str]) -> np.ndarray:
    """(N,) int64 class ids, or float32 where there are no classes."""
    if classes:
        ids = {value: index for index, value in enumerate(classes)}
        return np.array([ids.get(str(value), NONE) for value in values], dtype=np.int64)
    try:
        return np.array([math.nan if value == "none" else float(value) for value in values], dtype=np.float32)
    except ValueError as error:
        raise UserError(f"multitask.labels.{name}: {error}; expected numbers, or classification") from None
