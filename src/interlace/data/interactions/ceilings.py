"""Exact accuracies of the best rules, from the joint distribution of labels and bits."""

from collections.abc import Mapping
from itertools import combinations, product

import numpy as np

NUM_BITS = 3  # of a modality: the shared bit, its unique bit, and its bit of the parity


def joint_table(num_modalities: int, mixture: Mapping[str, float], flip: float) -> np.ndarray:
    """The joint distribution P(y, v_1, ..., v_M), shape (2, 8, ..., 8), of the label and the observed values v_m = 4
    shared + 2 unique + parity, whose bits are flipped with probability `flip`.
    """
    table = np.zeros((2, *[2**NUM_BITS] * num_modalities))
    latents = list(product((0, 1), repeat=1 + 2 * num_modalities))
    for shared, *rest in latents:
        own, parts = rest[:num_modalities], rest[num_modalities:]
        one = mixture["redundant"] * shared + mixture["synergy"] * (sum(parts) % 2)
        one += sum(mixture[f"unique_{m + 1}"] * bit for m, bit in enumerate(own))
        shown = _outer([_channel(4 * shared + 2 * own[m] + parts[m], flip) for m in range(num_modalities)])
        table[1] += one * shown / len(latents)
        table[0] += (1.0 - one) * shown / len(latents)
    return table


def _channel(value: int, flip: float) -> np.ndarray:
    """P(observed value | true value), (8,)."""
    distance = np.array([(value ^ shown).bit_count() for shown in range(2**NUM_BITS)])
    chances: np.ndarray = flip**distance * (1.0 - flip) ** (NUM_BITS - distance)
    return chances


def _outer(vectors: list[np.ndarray]) -> np.ndarray:
    result = np.ones(())
    for vector in vectors:
        result = np.multiply.outer(result, vector)
    return result


def bayes_accuracy(table: np.ndarray) -> float:
    """Accuracy of the best rule that sees all modalities of the table."""
    return float(table.max(0).sum())


def bayes_by_subset(table: np.ndarray, names: list[str]) -> dict[str, float]:
    """Accuracy of the best rule for each subset of modalities ("x1+x2")."""
    found = {}
    for size in range(1, len(names) + 1):
        for subset in combinations(range(len(names)), size):
            hidden = tuple(axis + 1 for axis in range(len(names)) if axis not in subset)
            found["+".join(names[i] for i in subset)] = round(bayes_accuracy(table.sum(hidden)), 6)
    return found
