"""Pairing of images with recordings."""

import numpy as np


def pair(rng: np.random.Generator, labels: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """The index (n,) of a recording of the same digit, in `digits` (m,), for each image label (n,).

    Within a digit every recording is used equally often, to within one, in random order.
    """
    chosen = np.zeros(len(labels), dtype=np.int64)
    for digit in np.unique(labels):
        rows = np.flatnonzero(labels == digit)
        available = np.flatnonzero(digits == digit)
        rounds = -(-len(rows) // len(available))
        chosen[rows] = np.concatenate([rng.permutation(available) for _ in range(rounds)])[: len(rows)]
    return chosen
