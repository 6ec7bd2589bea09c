"""Shares of the training examples, for learning curves."""

import numpy as np


def seeded_share(number: int, fraction: float, seed: int) -> list[int]:
    """The rows of a share of `number` rows, ascending, at least one; smaller shares are subsets of larger ones."""
    order = np.random.Generator(np.random.PCG64([seed, 0])).permutation(number).tolist()
    return sorted(order[: max(1, round(fraction * number))])
