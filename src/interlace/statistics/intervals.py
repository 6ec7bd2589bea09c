"""Confidence intervals of a mean over few seeds, within the range of the metric."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

MIN_SEEDS = 3
CONFIDENCE = 0.95
NAN = float("nan")
Interval = tuple[float, float]
Floats = NDArray[np.float64]
UNBOUNDED = (-math.inf, math.inf)


def t_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Return Student's t interval of the mean of the finite values, mean ± t(n-1) sd / √n.

    (NaN, NaN) below three values. Equal values give an interval of width zero.
    """
    x = finite(values)
    if len(x) < MIN_SEEDS:
        return NAN, NAN
    half = float(special.stdtrit(len(x) - 1, (1 + confidence) / 2)) * spread(x) / math.sqrt(len(x))
    return float(x.mean()) - half, float(x.mean()) + half


def mean_interval(values: ArrayLike, bounds: Interval = UNBOUNDED, confidence: float = CONFIDENCE) -> Interval:
    """Return a confidence interval of the mean within `bounds`, the range of the metric.

    Without finite bounds, Student's t interval. With one, Student's t interval truncated at it. With two, the hull of
    Student's t interval truncated at the bounds and the interval computed on logits (a value on a bound is moved inside
    by half the distance of the nearest value that is on none), since close to a bound each alone has a lower coverage;
    `interlace bench statistics` simulates the coverage. (NaN, NaN) below three values, and for equal values of a
    bounded metric, from which no spread can be estimated.
    """
    x = finite(values)
    low, high = t_interval(x, confidence)
    if len(x) < MIN_SEEDS or not (math.isfinite(bounds[0]) or math.isfinite(bounds[1])):
        return low, high
    if spread(x) == 0.0:
        return NAN, NAN
    low, high = max(low, bounds[0]), min(high, bounds[1])
    if math.isfinite(bounds[0]) and math.isfinite(bounds[1]):
        on_logits = _logit_interval(x, bounds, confidence)
        low, high = min(low, on_logits[0]), max(high, on_logits[1])
    return low, high


def _logit_interval(x: Floats, bounds: Interval, confidence: float) -> Interval:
    width = bounds[1] - bounds[0]
    share = (x - bounds[0]) / width
    inside = np.minimum(share, 1 - share)
    inside = inside[inside > 0]
    if not len(inside):
        return bounds
    edge = float(inside.min()) / 2
    low, high = t_interval(special.logit(np.clip(share, edge, 1 - edge)), confidence)
    return bounds[0] + width * float(special.expit(low)), bounds[0] + width * float(special.expit(high))


def spread(values: ArrayLike) -> float:
    """Return the sample standard deviation (n - 1) of the finite values; NaN for fewer than two.

    Values that differ only by rounding (1e-12 of their size) count as equal: sd 0.
    """
    x = finite(values)
    if len(x) < 2:
        return NAN
    sd = float(x.std(ddof=1))
    return 0.0 if sd <= 1e-12 * max(1.0, float(np.abs(x).max())) else sd


def finite(values: ArrayLike) -> Floats:
    """Return the finite values as an array (n,)."""
    x = np.atleast_1d(np.asarray(values, dtype=np.float64))
    return x[np.isfinite(x)]


def is_zero(x: ArrayLike) -> bool:
    """Return True if all values are zero up to rounding."""
    return bool(np.all(np.abs(np.asarray(x)) <= 1e-12))
