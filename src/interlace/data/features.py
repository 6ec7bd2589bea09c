"""Precomputed feature rows from .npy and .npz files."""

import zlib
from pathlib import Path

import numpy as np

from interlace.data.problems import BadExample, first_line
from interlace.reading.arrays import array_names, is_archive, read_array, read_arrays
from interlace.reading.limits import TooLarge

SUFFIXES = (".npy", ".npz")


def decode_features(path: Path) -> np.ndarray:
    """Read the feature rows (N, D) float32 of a file; a vector (D,) is one row. An .npz must hold exactly one array.

    Raises BadExample for damaged or pickled files (they are never unpickled), other ranks, no rows, or values that are
    not finite numbers.
    """
    try:
        loaded = _only_array(path) if is_archive(path) else read_array(path)
    except TooLarge as error:
        raise BadExample("too large", f"{path.name}: {error.detail}") from None
    except (OSError, ValueError, zlib.error, EOFError, SyntaxError, TypeError, MemoryError) as error:
        raise BadExample("unreadable features", f"{path.name} ({first_line(error)})") from None
    if loaded.dtype.kind not in "fiub":
        raise BadExample("wrong type", f"{path.name} holds {loaded.dtype}, expected numbers")
    rows = np.atleast_2d(loaded)
    if rows.ndim != 2 or not rows.size:
        raise BadExample("wrong type", f"{path.name} has the shape {loaded.shape}, expected (D,) or (N, D) with values")
    with np.errstate(over="ignore"):
        rows = rows.astype(np.float32)
    finite = np.isfinite(rows).all(1)
    if not finite.all():
        row = int(finite.argmin()) + 1
        where = f"row {row} of {len(rows)}"
        raise BadExample(
            "features not finite", f"{path.name} has a value in {where} that is not a finite float32 number"
        )
    return rows


def _only_array(path: Path) -> np.ndarray:
    names = array_names(path)
    if len(names) != 1:
        raise ValueError(f"it holds {len(names)} arrays, expected one")
    return read_arrays(path)[names[0]]
