"""Krippendorff's alpha, the agreement of raters beyond chance, with an interval by bootstrap over units.

Krippendorff (2011), Computing Krippendorff's Alpha-Reliability: any number of raters and values, missing ones included.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interlace.statistics.bootstrap import cluster_weights
from interlace.statistics.intervals import CONFIDENCE, MIN_SEEDS, NAN, Floats

LEVELS = ("nominal", "ordinal", "interval")  # of measurement


@dataclass(frozen=True)
class Alpha:
    """Alpha with its interval over units; `units`: those with at least two values, which alone count."""

    level: str
    value: float
    low: float
    high: float
    units: int


def krippendorff_alpha(
    values: Floats,
    level: str,
    clusters: NDArray[np.int64] | None = None,
    resamples: int = 2000,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Alpha:
    """Return alpha of `values` (units, raters), NaN where a rater has given none, with a percentile interval.

    With `clusters` (units,) whole clusters of units are resampled. Resamples in which all values are equal have no
    alpha and are left out. NaN where no unit has two values or all values are equal; no interval below three clusters.
    """
    paired = np.isfinite(values).sum(axis=1) >= 2
    units = int(paired.sum())
    if not units:
        return Alpha(level, NAN, NAN, NAN, 0)
    of_units, scale = _coincidences(values[paired])
    value = float(_alphas(of_units.sum(axis=0)[None], scale, level)[0])
    groups = np.arange(len(values)) if clusters is None else clusters
    if not np.isfinite(value) or len(np.unique(groups[paired])) < MIN_SEEDS:
        return Alpha(level, value, NAN, NAN, units)
    weights = cluster_weights(groups[paired], resamples, np.random.default_rng(seed))  # (resamples, units)
    size = len(scale)
    drawn = (weights @ of_units.reshape(units, -1)).reshape(-1, size, size)
    alphas = _alphas(drawn, scale, level)
    low, high = np.nanquantile(alphas, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Alpha(level, value, float(low), float(high), units)


def _coincidences(values: Floats) -> tuple[Floats, Floats]:
    """Return the coincidences of each unit (units, C, C), pairs of values over m - 1, and the C distinct values."""
    scale = np.unique(values[np.isfinite(values)])
    counts = (values[:, :, None] == scale).sum(axis=1).astype(np.float64)  # (units, C)
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs -= counts[:, :, None] * np.eye(len(scale))
    return pairs / (counts.sum(axis=1) - 1)[:, None, None], scale


def _alphas(coincidences: Floats, scale: Floats, level: str) -> Floats:
    """Return 1 - observed / expected disagreement of coincidences (B, C, C), (B,); NaN where none is expected."""
    n = coincidences.sum(axis=2)  # (B, C)
    delta = _squared_differences(n, scale, level)
    observed = (coincidences * delta).sum(axis=(1, 2))
    expected = (n[:, :, None] * n[:, None, :] * delta).sum(axis=(1, 2)) / np.maximum(n.sum(axis=1) - 1, 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - observed / expected, NAN)


def _squared_differences(n: Floats, scale: Floats, level: str) -> Floats:
    """Return the squared difference of each two values, (B, C, C) or (1, C, C), of a level of measurement."""
    if level == "nominal":
        return (1 - np.eye(len(scale)))[None]
    if level == "interval":
        return np.square(scale[:, None] - scale[None, :])[None]
    middle = np.cumsum(n, axis=1) - n / 2  # so that the difference is the sum from c to k less half of both ends
    return np.square(middle[:, :, None] - middle[:, None, :])
