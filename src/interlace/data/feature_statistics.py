"""Means and standard deviations by which columns of precomputed features are scaled."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from interlace.data.arrays import RawArray

CHUNK = 1024  # examples read at a time, which bounds the memory
CHUNK_VALUES = 1 << 24  # values read at a time; fewer examples if they are long
SAMPLED = 1 << 22  # values of evenly spaced rows from which medians are estimated
NORMAL = 1.4826  # standard deviations of a normal distribution in its median absolute deviation
EXTREME = 1000.0  # robust scales from the median beyond which a value is extreme
BOUND = 30.0  # standard deviations to which scaled features are clipped
SHOWN = 5


class FeatureStatistics(NamedTuple):
    """`center` and `scale` of each of D columns, the number of extreme values left out by column, and the constant
    columns; columns count from 0.
    """

    center: tuple[float, ...]
    scale: tuple[float, ...]
    extreme: Mapping[int, int]
    constant: tuple[int, ...]

    def notes(self, name: str) -> list[str]:
        """Sentences about extreme values and constant columns; they count columns from 1."""
        found, of = [], f"of {len(self.center)}"
        if self.extreme:
            shown = ", ".join(f"{column + 1} ({n:,})" for column, n in list(self.extreme.items())[:SHOWN])
            more = f" and {len(self.extreme) - SHOWN} more" if len(self.extreme) > SHOWN else ""
            found.append(
                f"{name}: values beyond {EXTREME:g} robust scales in columns {shown}{more} {of} are "
                f"left out of the scaling and read as {BOUND:g} deviations; do they mark missing values?"
            )
        if self.constant:
            shown = ", ".join(str(column + 1) for column in self.constant[:SHOWN])
            more = f" and {len(self.constant) - SHOWN} more" if len(self.constant) > SHOWN else ""
            found.append(
                f"{name}: columns {shown}{more} {of} do not vary in the training split: they carry no information"
            )
        return found

    def described(self) -> dict[str, Any]:
        """The extreme and constant columns as plain types; columns count from 1."""
        return {
            "extreme": {str(column + 1): count for column, count in self.extreme.items()},
            "constant": [column + 1 for column in self.constant],
        }


def feature_statistics(array: RawArray) -> FeatureStatistics:
    """Mean and standard deviation of each column over the real rows of all examples, x (N, T, D), without extreme
    values: those farther than EXTREME robust scales from the median of their column.

    The robust scale is the median absolute deviation (times 1.4826). If most values of a column are equal, the extreme
    ones are those separated from the others by a gap of a factor EXTREME. Both are estimated from SAMPLED values. Rows
    that are not finite are left out. A constant column has scale 1; without any row the center is 0.
    """
    width = array.x.shape[-1]
    middle, reach = _robust(array)
    count, total, squares = np.zeros(width, dtype=np.int64), np.zeros(width), np.zeros(width)
    extreme = np.zeros(width, dtype=np.int64)
    for rows in _real_rows(array):
        kept = np.abs(rows - middle) <= reach
        count += kept.sum(0)
        extreme += (~kept).sum(0)
        total += np.where(kept, rows, 0.0).sum(0)
    mean = total / np.maximum(1, count)
    for rows in _real_rows(array):
        kept = np.abs(rows - middle) <= reach
        squares += np.where(kept, np.square(rows - mean), 0.0).sum(0)
    deviation = np.sqrt(squares / np.maximum(1, count))
    steady = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
    return FeatureStatistics(
        tuple(mean.tolist()),
        tuple(np.where(steady, 1.0, deviation).tolist()),
        {int(column): int(extreme[column]) for column in np.flatnonzero(extreme)},
        tuple(np.flatnonzero(steady & (count > 1)).tolist()),
    )


def _real_rows(array: RawArray, step: int = 1) -> Iterator[np.ndarray]:
    """The finite real rows (R, D) float64 of examples, a chunk at a time; only every `step`-th row."""
    longest, width = array.x.shape[1:]
    examples = max(1, min(CHUNK, CHUNK_VALUES // max(1, longest * width)))
    before = 0
    for start in range(0, len(array.x), examples):
        part = array.rows(start, start + examples)
        real = (np.arange(longest) < part.length[:, None]) & part.present[:, None]
        rows = np.asarray(part.x)[real]
        rows, before = rows[-before % step :: step], before + len(rows)
        rows = rows.astype(np.float64)
        yield rows[np.isfinite(rows).all(1)]


def _robust(array: RawArray) -> tuple[np.ndarray, np.ndarray]:
    """Median (D,) of each column, and the distance (D,) from it beyond which a value is extreme."""
    width = array.x.shape[-1]
    total = int(array.length[array.present].sum())
    step = max(1, -(-total * width // SAMPLED))
    sample = np.concatenate([np.zeros((0, width)), *_real_rows(array, step)])
    if not len(sample):
        return np.zeros(width), np.full(width, np.inf)
    middle = np.median(sample, axis=0)
    away = np.abs(sample - middle)
    scale = np.median(away, axis=0)
    reach = EXTREME * NORMAL * scale
    for column in np.flatnonzero(scale == 0):
        reach[column] = _gap(np.sort(away[away[:, column] > 0, column]))
    return middle, reach


def _gap(distances: np.ndarray) -> float:
    """The geometric mean of the first two neighbouring sorted distances that differ by a factor EXTREME or more; the
    smallest tenth is ignored. inf if there is no such gap.
    """
    distances = distances[len(distances) // 10 :]
    gaps = np.flatnonzero(distances[1:] > EXTREME * distances[:-1])
    return float(np.sqrt(distances[gaps[0]] * distances[gaps[0] + 1])) if len(gaps) else np.inf
