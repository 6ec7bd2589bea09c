"""Contributions of tokens to a prediction, and the share of each modality in them."""

from collections.abc import Callable, Sequence

import numpy as np


def token_shapley(
    predict: Callable[[np.ndarray], np.ndarray], tokens: int, *, permutations: int, seed: int
) -> np.ndarray:
    """Estimate Shapley values (N,) of one example's tokens over random orders and their reverses.

    `predict` maps masks (B, N) bool, True = visible, to one number each (B,), such as the probability of the predicted
    class. A coalition that occurs in several orders is evaluated once. The values sum to predict(all) - predict(none).
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    orders = [walk for _ in range(permutations) for walk in _both_ways(rng.permutation(tokens))]
    walks = np.stack([_walk(order) for order in orders])  # (P, N + 1, N)
    masks, index = np.unique(walks.reshape(-1, tokens), axis=0, return_inverse=True)
    values = predict(masks)[index.reshape(-1)].reshape(len(orders), tokens + 1)
    phi = np.zeros(tokens)
    for order, gains in zip(orders, np.diff(values, axis=1), strict=True):
        phi[order] += gains
    return phi / len(orders)


def modality_shares(phi: np.ndarray, lengths: Sequence[int]) -> np.ndarray | None:
    """Return the share of each modality in sum |phi| (MM-SHAP, Parcalabescu & Frank 2023, section 3.2).

    `phi` (N,) concatenates the tokens of the modalities, `lengths` are their numbers. None if all values are zero.
    """
    ends = np.cumsum(lengths)
    sums = np.array([np.abs(part).sum() for part in np.split(phi, ends[:-1])])
    return sums / sums.sum() if sums.sum() > 0 else None


def _both_ways(order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return order, order[::-1].copy()


def _walk(order: np.ndarray) -> np.ndarray:
    """Return masks (N + 1, N) with the tokens added in order: none, the first, the first two, ..., all."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    mask: np.ndarray = rank < np.arange(len(order) + 1)[:, None]
    return mask
