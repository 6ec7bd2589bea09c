"""Exact accuracies of the best rules, from the table of everything that can happen."""

from collections.abc import Mapping
from itertools import combinations, product

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp, minimize
from scipy.special import expit

NUM_BITS = 3  # a modality shows a shared bit, one of its own, and its part of the parity
SECONDS = 20.0


def joint_table(num_modalities: int, mixture: Mapping[str, float], flip: float) -> np.ndarray:
    """P(y, v_1, ..., v_M), shape (2, 8, ..., 8): v_m = 4 shared + 2 own + parity part, as shown, each bit of which
    is flipped with probability `flip`.
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
    """P(shown value | true value), (8,)."""
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
    """Accuracy of the best rule by the modalities that it sees ("x1+x2")."""
    found = {}
    for size in range(1, len(names) + 1):
        for subset in combinations(range(len(names)), size):
            hidden = tuple(axis + 1 for axis in range(len(names)) if axis not in subset)
            found["+".join(names[i] for i in subset)] = round(bayes_accuracy(table.sum(hidden)), 6)
    return found


def best_additive_accuracy(table: np.ndarray) -> float | None:
    """Accuracy of the best rule "f_1(v_1) + ... + f_M(v_M) > 0", for any f: what late fusion can reach at most.

    A mixed-integer program with one 0/1 decision a cell; None when it is not proven best in 20 seconds.
    """
    shape = table.shape[1:]
    keep = [cell for cell in np.ndindex(*shape) if table[0][cell] + table[1][cell] > 0]
    num_scores = sum(shape)
    offsets = np.cumsum([0, *shape[:-1]])
    bound = 8.0 * len(shape)
    rows = np.zeros((len(keep), num_scores + len(keep)))
    gain = np.zeros(num_scores + len(keep))
    for index, cell in enumerate(keep):
        rows[index, offsets + np.array(cell)] = 1.0
        rows[index, num_scores + index] = -(bound * len(shape) + 1.0)
        gain[num_scores + index] = table[1][cell] - table[0][cell]
    # A decision of 1 asks for a score of at least 1, of 0 for one of at most -1.
    limits = LinearConstraint(rows, -bound * len(shape), -1.0)
    result = milp(
        -gain,
        constraints=limits,
        integrality=np.r_[np.zeros(num_scores), np.ones(len(keep))],
        bounds=Bounds(
            np.r_[np.full(num_scores, -bound), np.zeros(len(keep))],
            np.r_[np.full(num_scores, bound), np.ones(len(keep))],
        ),
        options={"time_limit": SECONDS, "mip_rel_gap": 1e-6},
    )
    return round(float(table[0].sum() - result.fun), 6) if result.status == 0 else None


def additive_logits_accuracy(table: np.ndarray) -> float:
    """Accuracy of the additive logits of least cross-entropy (a tie counts half): what training late fusion finds."""
    shape = table.shape[1:]
    cells = np.array(list(np.ndindex(*shape)))
    columns = cells + np.cumsum([0, *shape[:-1]])
    one, total = table[1].ravel(), table.sum(0).ravel()

    def loss(scores: np.ndarray) -> tuple[float, np.ndarray]:
        logit = scores[columns].sum(1)
        gradient = np.zeros_like(scores)
        np.add.at(gradient, columns, (total * expit(logit) - one)[:, None])
        return float((total * np.logaddexp(0.0, logit) - one * logit).sum()), gradient

    scores = minimize(loss, np.zeros(sum(shape)), jac=True, method="L-BFGS-B", options={"maxiter": 2000}).x
    logit = scores[columns].sum(1)
    share = np.where(np.abs(logit) < 1e-4, 0.5, logit > 0)
    return float((share * one + (1 - share) * (total - one)).sum())
