"""Confusion matrices: what each strategy answers where another answer is right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interlace.studies.report.comparison import Comparison

MAX_CLASSES = 24
OTHER = "(others)"


@dataclass(frozen=True)
class Confusion:
    """Row = true class, column = answer. `shares` (C, C) sums to 1 along each row with examples."""

    cell: str
    classes: list[str]
    counts: NDArray[np.int64]
    runs: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """Counts divided by their row's total; zero for a class without examples."""
        totals = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(self.counts / np.maximum(totals, 1), dtype=np.float64)


def confusion_matrices(comparison: Comparison) -> list[Confusion]:
    """One matrix a measured cell, best first, over all its finished seeds; none for regression and texts.

    All cells share one list of classes: beyond `MAX_CLASSES` the rarer ones are joined under "(others)".
    """
    tables: dict[str, pd.DataFrame] = {}
    runs = {cell: comparison.runs.of(cell) for cell in comparison.measured}
    for cell, finished in runs.items():
        found = [comparison.runs.predictions(run) for run in finished]
        classified = [table for table in found if {"label", "prediction", "correct"} <= set(table)]
        kept = [table[["label", "prediction"]].astype(str) for table in classified]
        if kept:
            tables[cell] = pd.concat(kept)
    if not tables:
        return []
    classes = common_classes(list(tables.values()), [str(name) for name in comparison.data.get("classes") or ()])
    order = [*([comparison.leader] if comparison.leader in tables else []), *tables]
    return [
        Confusion(cell, classes, count_pairs(tables[cell], classes), len(runs[cell]))
        for cell in dict.fromkeys(str(cell) for cell in order)
    ]


def common_classes(tables: Sequence[pd.DataFrame], order: Sequence[str] = ()) -> list[str]:
    """The classes seen as label or answer, in the given order, then numbers by value and words by letter.

    When they are too many: the most frequent labels, and `OTHER` last.
    """
    seen = set(pd.concat([table[column] for table in tables for column in ("label", "prediction")]))
    rank = {name: position for position, name in enumerate(order)}
    labels = pd.concat([table["label"] for table in tables]).value_counts().index
    many = len(seen) > MAX_CLASSES
    kept = list(labels[: MAX_CLASSES - 1]) if many else list(seen)
    ordered = sorted(kept, key=lambda name: (rank.get(name, len(rank)), _natural(name)))
    return [*ordered, OTHER] if many else ordered


def count_pairs(table: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.int64]:
    """(C, C) counts of (label, prediction); a class not listed counts as the last one."""
    index = {name: position for position, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    rows = table["label"].map(lambda name: index.get(name, len(classes) - 1)).to_numpy()
    columns = table["prediction"].map(lambda name: index.get(name, len(classes) - 1)).to_numpy()
    np.add.at(counts, (rows, columns), 1)
    return counts


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers by value before words."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
