"""Which recording goes with which image."""

import numpy as np


def pair(rng: np.random.Generator, labels: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """For each image label (n,), the index of a recording of that digit, out of `digits` (m,).

    Within a digit every recording is used equally often, to within one, in random order.
    """
    chosen = np.zeros(len(labels), dtype=np.int64)
    for digit in np.unique(labels):
        rows = np.flatnonzero(labels == digit)
        available = np.flatnonzero(digits == digit)
        rounds = -(-len(rows) // len(available))
        chosen[rows] = np.concatenate([rng.permutation(available) for _ in range(rounds)])[: len(rows)]
    return chosen
