"""Correlations of two scores over items, with bootstrap intervals."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Correlation(NamedTuple):
    """A correlation and its 95% percentile bootstrap interval over items; NaN where it is not defined."""

    value: float
    low: float
    high: float


def correlations(x: np.ndarray, y: np.ndarray, *, resamples: int = 500, seed: int = 0) -> dict[str, Correlation]:
    """Return Pearson's r and Kendall's tau-b of x and y (N,) over the items where both are known.

    NaN below three items and for a constant.
    """
    from scipy import stats

    kinds: dict[str, Callable[..., Any]] = {"pearson": stats.pearsonr, "kendall": stats.kendalltau}
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 3 or not x.std() or not y.std():
        return dict.fromkeys(kinds, Correlation(np.nan, np.nan, np.nan))
    draw = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(resamples):
        rows = draw.integers(len(x), size=len(x))
        if x[rows].std() and y[rows].std():
            for kind, measure in kinds.items():
                drawn[kind].append(float(measure(x[rows], y[rows])[0]))
    found = {}
    for kind, measure in kinds.items():
        low, high = np.quantile(drawn[kind], [0.025, 0.975])
        found[kind] = Correlation(float(measure(x, y)[0]), float(low), float(high))
    return found
