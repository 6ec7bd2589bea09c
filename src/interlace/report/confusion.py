"""Confusion matrices: the answers of each strategy by true class."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interlace.report.comparison import Comparison
from interlace.report.predictions import ClassPairs

MAX_CLASSES = 24
OTHER = "(others)"


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix: `counts` (C, C) with true classes as rows and answers as columns."""

    cell: str
    classes: list[str]
    counts: NDArray[np.int64]
    runs: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """Counts divided by the total of their row, (C, C); zero for a class without examples."""
        totals = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(self.counts / np.maximum(totals, 1), dtype=np.float64)


def confusion_matrices(comparison: Comparison) -> list[Confusion]:
    """A matrix for each measured cell, best first, summed over its finished seeds; none for regression and texts.

    All cells share one list of classes; beyond `MAX_CLASSES` the rarer ones are merged to "(others)".
    """
    found: dict[str, list[ClassPairs]] = {}
    for cell in comparison.measured:
        read = [comparison.predictions.get(run.directory) for run in comparison.runs.of(cell)]
        kept = [each.classes for each in read if each is not None and each.classes is not None]
        if kept:
            found[cell] = kept
    if not found:
        return []
    every = [pairs for kept in found.values() for pairs in kept]
    classes = common_classes(every, [str(name) for name in comparison.data.get("classes") or ()])
    order = [*([comparison.best_cell] if comparison.best_cell in found else []), *found]
    return [
        Confusion(cell, classes, sum_pairs(found[cell], classes), len(comparison.runs.of(cell)))
        for cell in dict.fromkeys(str(cell) for cell in order)
    ]


def common_classes(runs: Sequence[ClassPairs], order: Sequence[str] = ()) -> list[str]:
    """The classes that occur as label or answer: in `order`, then numbers by value and words alphabetically.

    Above `MAX_CLASSES` the most frequent labels, and `OTHER` last.
    """
    seen = {name for run in runs for names in (run.labels, run.answers) for name in names}
    rank = {name: position for position, name in enumerate(order)}
    labels: Counter[str] = Counter()
    for run in runs:
        labels.update(dict(zip(run.labels, run.label_counts.tolist(), strict=True)))
    many = len(seen) > MAX_CLASSES
    kept = [name for name, _ in labels.most_common(MAX_CLASSES - 1)] if many else list(seen)
    ordered = sorted(kept, key=lambda name: (rank.get(name, len(rank)), _natural(name)))
    return [*ordered, OTHER] if many else ordered


def sum_pairs(runs: Sequence[ClassPairs], classes: Sequence[str]) -> NDArray[np.int64]:
    """(C, C) counts of (label, prediction) over runs; a class not listed counts as the last one."""
    index = {name: position for position, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for run in runs:
        rows = np.array([index.get(name, len(classes) - 1) for name in run.labels], dtype=np.int64)
        columns = np.array([index.get(name, len(classes) - 1) for name in run.answers], dtype=np.int64)
        np.add.at(counts, (rows[run.pairs[:, 0]], columns[run.pairs[:, 1]]), run.counts)
    return counts


def _natural(name: str) -> tuple[int, float, str]:
    """A sort key: numbers by value, then words."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
