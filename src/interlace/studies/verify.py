"""Comparison of results with the expected values of a study."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from interlace.statistics.summary import DIVERGED
from interlace.studies.study import Study


@dataclass(frozen=True)
class Check:
    """One expected mean: `measured` is None where no run is done."""

    cell: str
    metric: str
    expected: float
    tolerance: float
    measured: float | None
    n: int

    @property
    def holds(self) -> bool:
        """True where the measured mean lies within the tolerance."""
        return self.measured is not None and abs(self.measured - self.expected) <= self.tolerance


def verify(study: Study, table: pd.DataFrame) -> list[Check]:
    """Compares the mean of each expected cell with the measured one.

    `table`: a row for each run, with columns cell, status and one for each metric. A cell with a diverged run has none.
    """
    checks = []
    for cell, metrics in study.expected.items():
        own = table[table["cell"] == cell]
        rows = own[own["status"] == "done"] if not (own["status"] == DIVERGED).any() else own[:0]
        for metric, (expected, tolerance) in metrics.items():
            values = rows[metric].dropna().to_numpy(dtype=float) if metric in rows else np.empty(0)
            measured = float(values.mean()) if len(values) else None
            checks.append(Check(cell, metric, expected, tolerance, measured, len(values)))
    return checks
