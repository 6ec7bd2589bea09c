"""Arrays of a manifest on disk."""

from pathlib import Path

import numpy as np

from interlace.data.arrays import RawArray
from interlace.data.encoding import DTYPES
from interlace.tokens import ModalitySpec


def new_array(stem: Path, spec: ModalitySpec, num: int, longest: int) -> RawArray:
    """Zeros on disk, as long as the longest example asks for."""
    shape = spec.shape if spec.kind == "image" else (max(1, min(longest, spec.shape[0])), *spec.shape[1:])
    x = np.lib.format.open_memmap(f"{stem}_x.npy", mode="w+", dtype=DTYPES[spec.kind], shape=(num, *shape))
    return RawArray(x, np.zeros(num, np.int64), np.zeros(num, bool))


def loaded(arrays: dict[str, np.ndarray], split: str, index: int, part: str) -> np.ndarray:
    """A part of a modality's array of a split, as `RawArray` has it; rows stay on disk."""
    array = arrays[f"{split}_m{index}_{part}"]
    return array if part == "x" else np.array(array)
