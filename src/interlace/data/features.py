"""Precomputed feature rows from .npy and .npz files."""

from pathlib import Path

import numpy as np

from interlace.data.problems import BadExample

SUFFIXES = (".npy", ".npz")


def decode_features(path: Path) -> np.ndarray:
    """Rows (N, D) float32 of a file; a vector (D,) is one row. An .npz must hold exactly one array.

    Raises BadExample for damaged or pickled files (never unpickled), other ranks, no rows, or values that are not
    finite numbers.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            with loaded:
                if len(loaded.files) != 1:
                    raise BadExample(
                        "unreadable features", f"{path.name} holds {len(loaded.files)} arrays, expected one"
                    )
                loaded = loaded[loaded.files[0]]
    except BadExample:
        raise
    except Exception as error:  # zip, zlib, header and pickle errors of many types
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BadExample("unreadable features", f"{path.name} ({detail})") from None
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
        raise BadExample("features not finite", f"{path.name} has a value in {where} that is no finite float32 number")
    return rows
