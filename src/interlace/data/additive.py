"""Accuracy of the best additive rule, a sum of one function per modality, and of the one of least cross-entropy.

The two differ. On XOR the additive logits of least cross-entropy are constant and right in half of the cases, while
the additive rule p_1 + p_2 >= 1 is right in three quarters. Training with cross-entropy aims at the first; no additive
model, however trained, exceeds the second. Both follow exactly from P(y, v_1, ..., v_M), a table (C, V_1, ..., V_M).
"""

from itertools import permutations, product

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp, minimize
from scipy.sparse import csr_array
from scipy.special import log_softmax

TIME_LIMIT = 20.0  # seconds
TIE = 1e-4  # logits closer than this count as equal


def best_additive_accuracy(table: np.ndarray) -> float | None:
    """Accuracy of the best rule argmax_y f_1(v_1, y) + ... + f_M(v_M, y) over all f.

    Solved as a mixed-integer program with one binary variable per cell and class; None if optimality is not proven
    within 20 seconds.
    """
    table = merged(table)
    classes, shape = len(table), table.shape[1:]
    cells = np.argwhere(table.sum(0) > 0)
    columns = cells + np.cumsum([0, *shape[:-1]])  # (K, M) of the scores of one class
    num_scores, num_cells = sum(shape), len(cells)
    bound = 8.0 * len(shape)
    largest = 2 * bound * len(shape) + 1.0
    entries: list[tuple[int, int, float]] = []
    for row, (k, (y, other)) in enumerate(product(range(num_cells), permutations(range(classes), 2))):
        # If y is chosen (z = 1), its score exceeds every other score by 1: other - y + largest z <= largest - 1.
        for m in columns[k]:
            entries += [(row, other * num_scores + m, 1.0), (row, y * num_scores + m, -1.0)]
        entries.append((row, classes * num_scores + k * classes + y, largest))
    margins = _matrix(entries, num_cells * classes * (classes - 1), classes * (num_scores + num_cells))
    once = [(k, classes * num_scores + k * classes + y, 1.0) for k in range(num_cells) for y in range(classes)]
    gain = np.r_[np.zeros(classes * num_scores), table[(slice(None), *cells.T)].T.ravel()]
    result = milp(
        -gain,
        constraints=[
            LinearConstraint(margins, -np.inf, largest - 1.0),
            LinearConstraint(_matrix(once, num_cells, len(gain)), 1.0, 1.0),
        ],
        integrality=np.r_[np.zeros(classes * num_scores), np.ones(num_cells * classes)],
        bounds=Bounds(
            np.r_[np.full(classes * num_scores, -bound), np.zeros(num_cells * classes)],
            np.r_[np.full(classes * num_scores, bound), np.ones(num_cells * classes)],
        ),
        options={"time_limit": TIME_LIMIT, "mip_rel_gap": 1e-6},
    )
    return round(float(-result.fun), 6) if result.status == 0 else None


def additive_logits_accuracy(table: np.ndarray) -> float:
    """Accuracy of the additive logits of least cross-entropy (a correct class among n tied ones counts 1/n)."""
    table = merged(table)
    classes, shape = len(table), table.shape[1:]
    columns = np.argwhere(np.ones(shape)) + np.cumsum([0, *shape[:-1]])  # (K, M)
    chances = table.reshape(classes, -1).T  # (K, C)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        logs = log_softmax(flat.reshape(-1, classes)[columns].sum(1), 1)
        slope = np.exp(logs) * chances.sum(1, keepdims=True) - chances
        gradient = np.zeros((sum(shape), classes))
        np.add.at(gradient, columns, slope[:, None])
        return float(-(chances * logs).sum()), gradient.ravel()

    start = np.zeros(sum(shape) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9})
    logits = found.x.reshape(-1, classes)[columns].sum(1)
    best = logits >= logits.max(1, keepdims=True) - TIE
    return float((chances * best / best.sum(1, keepdims=True)).sum())


def merged(table: np.ndarray) -> np.ndarray:
    """The table with those values of a modality merged that have the same conditional distribution of everything else,
    which does not change the best rules.
    """
    for axis in range(1, table.ndim):
        rows = np.moveaxis(table, axis, 0).reshape(table.shape[axis], -1)
        mass = rows.sum(1, keepdims=True)
        conditional = np.round(np.divide(rows, mass, out=np.zeros_like(rows), where=mass > 0), 9)
        _, group = np.unique(conditional, axis=0, return_inverse=True)
        group = group.ravel()
        total = np.zeros((group.max() + 1, rows.shape[1]))
        np.add.at(total, group, rows)
        others = [size for other, size in enumerate(table.shape) if other != axis]
        table = np.moveaxis(total.reshape(-1, *others), 0, axis)
    return table


def _matrix(entries: list[tuple[int, int, float]], rows: int, columns: int) -> csr_array:
    row, column, value = zip(*entries, strict=True)
    return csr_array((value, (row, column)), shape=(rows, columns))
