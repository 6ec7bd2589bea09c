"""Mean and standard deviation of precomputed features."""

import numpy as np

from interlace.data.arrays import RawArray

CHUNK = 1024  # examples that are read at a time, which bounds the memory


def feature_statistics(array: RawArray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each feature over the real rows of all examples: x (N, T, D), D numbers each.

    Rows that are not finite are left out. A feature that does not vary has deviation 1, and without any row the mean
    is 0.
    """
    count, total, squares = 0, np.zeros(array.x.shape[-1]), np.zeros(array.x.shape[-1])
    for pass_ in ("mean", "deviation"):
        mean = total / max(1, count)
        for start in range(0, len(array.x), CHUNK):
            part = array.rows(start, start + CHUNK)
            real = (np.arange(part.x.shape[1]) < part.length[:, None]) & part.present[:, None]
            rows = np.asarray(part.x, dtype=np.float64)[real]
            rows = rows[np.isfinite(rows).all(1)]
            if pass_ == "mean":
                count, total = count + len(rows), total + rows.sum(0)
            else:
                squares += np.square(rows - mean).sum(0)
    deviation = np.sqrt(squares / max(1, count))
    steady = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
    return tuple(mean.tolist()), tuple(np.where(steady, 1.0, deviation).tolist())
