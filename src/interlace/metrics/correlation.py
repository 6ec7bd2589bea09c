"""Correlations of two scores over items, with bootstrap intervals, and their linearisation by items."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

ROWS = 256  # items that are compared with all others at a time


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


def linearised(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return by kind the value (N,) of each item in a correlation of x and y (N,), NaN where either is unknown.

    Their mean is the coefficient of `correlations`, and their variance over N its asymptotic variance, so that tests of
    means over items, paired or not, test correlations. All are NaN where the coefficient is undefined.

    pearson   z_x z_y - r (z_x^2 + z_y^2) / 2 + r for standardised z: r and its influence function (Devlin,
              Gnanadesikan and Kettenring 1975)
    kendall   tau + 2 (a - A) / sqrt(U V) - tau ((u - U) / U + (v - V) / V) with a, the mean over the other items of
              sign(x - x') sign(y - y'), and u and v, the shares of the other items that are not tied with it in x and
              in y; capitals are means over items, tau-b = A / sqrt(U V). Without ties it is 2 a - tau (Hoeffding 1948)

    The cost of the second is N^2.
    """
    known = np.isfinite(x) & np.isfinite(y)
    found = {kind: np.full(len(x), np.nan) for kind in ("pearson", "kendall")}
    x, y = x[known], y[known]
    if len(x) < 3 or not x.std() or not y.std():
        return found
    standard = [(each - each.mean()) / each.std() for each in (x, y)]
    product = standard[0] * standard[1]
    r = product.mean()
    found["pearson"][known] = product - r * (np.square(standard[0]) + np.square(standard[1])) / 2 + r
    concordance, untied_x, untied_y = _compared(x, y)
    ties = untied_x.mean() * untied_y.mean()
    tau = concordance.mean() / np.sqrt(ties)
    excess = sum(each / each.mean() - 1 for each in (untied_x, untied_y))
    found["kendall"][known] = tau + 2 * (concordance - concordance.mean()) / np.sqrt(ties) - tau * excess
    return found


def _compared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (3, N), means over the other items: product of the signs of the differences in x and y, untied in each."""
    parts = []
    for start in range(0, len(x), ROWS):
        signs = [np.sign(each[start : start + ROWS, None] - each) for each in (x, y)]
        products = (signs[0] * signs[1], np.square(signs[0]), np.square(signs[1]))
        parts.append(np.stack([each.sum(axis=1) for each in products]))
    return np.concatenate(parts, axis=1) / (len(x) - 1)
