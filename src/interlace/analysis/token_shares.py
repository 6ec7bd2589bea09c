"""Which tokens an answer rests on, and the share of each modality in that."""

from collections.abc import Callable, Sequence

import numpy as np


def token_shapley(
    predict: Callable[[np.ndarray], np.ndarray], tokens: int, *, permutations: int, seed: int
) -> np.ndarray:
    """Shapley values (N,) of one example's tokens, sampled over orders and their reverses.

    `predict` maps masks (B, N) bool, True = the model may see the token, to one number each (B,), such as the
    probability of the model's answer. A coalition that occurs in several orders is asked once. The values sum to
    predict(all) - predict(none).
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    orders = [walk for _ in range(permutations) for walk in _both_ways(rng.permutation(tokens))]
    walks = np.stack([_walk(order) for order in orders])  # (P, N + 1, N)
    masks, place = np.unique(walks.reshape(-1, tokens), axis=0, return_inverse=True)
    values = predict(masks)[place.reshape(-1)].reshape(len(orders), tokens + 1)
    phi = np.zeros(tokens)
    for order, gains in zip(orders, np.diff(values, axis=1), strict=True):
        phi[order] += gains
    return phi / len(orders)


def modality_shares(phi: np.ndarray, lengths: Sequence[int]) -> np.ndarray | None:
    """Share of each modality in sum |phi| (MM-SHAP, Parcalabescu & Frank 2023, section 3.2); None when all are zero.

    `phi` (N,) holds the modalities' tokens one after the other, `lengths` their numbers.
    """
    ends = np.cumsum(lengths)
    sums = np.array([np.abs(part).sum() for part in np.split(phi, ends[:-1])])
    return sums / sums.sum() if sums.sum() > 0 else None


def _both_ways(order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return order, order[::-1].copy()


def _walk(order: np.ndarray) -> np.ndarray:
    """Masks (N + 1, N) as the tokens enter in order: none, the first, the first two, ..., all."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    mask: np.ndarray = rank < np.arange(len(order) + 1)[:, None]
    return mask
