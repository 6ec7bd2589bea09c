"""Notes about data, as sentences that accompany results, tables and report pages."""

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import TypeVar

import numpy as np

from interlace.data.split import Split

AnySplit = TypeVar("AnySplit")
NAMES = {"train": "training", "val": "validation", "test": "test"}


def repeated_splits(splits: Mapping[str, AnySplit], same: Callable[[AnySplit, AnySplit], bool]) -> list[str]:
    """A sentence for each pair of splits that hold the same examples."""
    found = []
    for first, second in combinations([name for name in NAMES if name in splits], 2):
        if same(splits[first], splits[second]):
            later, earlier = NAMES[second], NAMES[first]
            why = "its metrics are of training examples" if first == "train" else "the checkpoint was selected on it"
            found.append(f"the {later} split is the {earlier} split: {why}")
    return found


def same_examples(first: Split, second: Split) -> bool:
    """True if two splits have equal labels or targets and equal inputs, row by row."""
    if len(first) != len(second) or not len(first) or first.targets != second.targets:
        return False
    if not np.array_equal(first.labels, second.labels) or set(first.arrays) != set(second.arrays):
        return False
    return all(np.array_equal(first.arrays[name].x, second.arrays[name].x) for name in first.arrays)
