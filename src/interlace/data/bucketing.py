"""Orders that put texts of similar length into the same batch, so that batches hold little padding."""

import numpy as np

POOL_BATCHES = 50  # batches sorted together; more give less padding and less mixing


def bucketed_order(lengths: np.ndarray, batch_size: int, *, seed: int, epoch: int) -> np.ndarray:
    """A permutation of the rows (N,), a function of (seed, epoch) and the lengths.

    Rows are shuffled and divided into pools of 50 batches. Each pool is sorted by length, and its batches of
    `batch_size` rows are shuffled. The rows of a batch then have similar lengths, and all rows mix over the epochs. A
    smaller last batch stays last.
    """
    rng = np.random.Generator(np.random.PCG64([seed, epoch]))
    shuffled = rng.permutation(len(lengths))
    whole = len(lengths) // batch_size * batch_size
    parts = []
    for start in range(0, whole, POOL_BATCHES * batch_size):
        pool = shuffled[start : min(start + POOL_BATCHES * batch_size, whole)]
        batches = pool[np.argsort(lengths[pool], kind="stable")].reshape(-1, batch_size)
        parts.append(batches[rng.permutation(len(batches))].reshape(-1))
    return np.concatenate([*parts, shuffled[whole:]])
