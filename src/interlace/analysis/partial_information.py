"""Partial information decomposition: redundant, unique and synergistic information of two sources about a target."""

from typing import NamedTuple

import numpy as np

BITS = float(1.0 / np.log(2.0))
MOST_INNER = 100
SETTLED = 1e-9  # relative change of a scaling below which the fitting has converged
LONGEST_STEP = 1e3


class PartialInformation(NamedTuple):
    """Information about the target in bits; the four terms sum to I(Y; X1, X2). `gap` bounds the error of each."""

    redundant: float
    unique_1: float
    unique_2: float
    synergy: float
    gap: float

    @property
    def total(self) -> float:
        """Total information I(Y; X1, X2)."""
        return self.redundant + self.unique_1 + self.unique_2 + self.synergy


def partial_information(
    table: np.ndarray, *, tolerance: float = 1e-4, max_iterations: int = 2000
) -> PartialInformation:
    """Decompose P(x1, x2, y) as Bertschinger et al. 2014 (used for modalities by Liang et al. 2023).

    `table` (A, B, C) is P or counts. q minimises I_q(Y; X1, X2), that is, maximises H_q(Y | X1, X2), over the
    distributions with the (x1, y) and (x2, y) marginals of P; then R = I_q(Y; X1) + I_q(Y; X2) - I_q(Y; X1, X2),
    U_m = I(Y; X_m) - R and S = I_P(Y; X1, X2) - I_q(Y; X1, X2). The iteration ends when the duality gap is below
    `tolerance` bits; the gap reached is returned as `gap`.
    """
    p = np.asarray(table, dtype=np.float64)
    p = p / p.sum()
    first, second = p.sum(1), p.sum(0)  # (A, C), (B, C)
    q, gap = _least_informative(first, second, tolerance / BITS, max_iterations)
    alone = [mutual_information(first), mutual_information(second)]
    together = mutual_information(q.reshape(-1, q.shape[2]))
    redundant = alone[0] + alone[1] - together
    synergy = mutual_information(p.reshape(-1, p.shape[2])) - together
    return PartialInformation(
        redundant, alone[0] - redundant, alone[1] - redundant, synergy, float(max(0.0, gap) * BITS)
    )


def mutual_information(joint: np.ndarray) -> float:
    """Return I(X; Y) in bits of P(x, y), (A, C)."""
    product = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    kept = joint > 0
    return float((joint[kept] * np.log(joint[kept] / product[kept])).sum()) * BITS


def joint_counts(first: np.ndarray, second: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the contingency table (A, B, C) of three integer columns, (n,) each, for the values that occur."""
    columns = [np.unique(values, return_inverse=True)[1].reshape(-1) for values in (first, second, target)]
    counts = np.zeros([int(column.max()) + 1 for column in columns])
    np.add.at(counts, tuple(columns), 1.0)
    return counts


def shuffled_baseline(
    first: np.ndarray, second: np.ndarray, target: np.ndarray, *, shuffles: int, seed: int
) -> PartialInformation:
    """Return the mean decomposition for shuffled targets: the bias of a sample of this size without any information."""
    rng = np.random.Generator(np.random.PCG64(seed))
    tables = [joint_counts(first, second, rng.permutation(target)) for _ in range(shuffles)]
    found = [partial_information(table, tolerance=1e-3) for table in tables]
    return PartialInformation(*(float(np.mean(values)) for values in zip(*found, strict=True)))


def discretize(features: np.ndarray, *, bins: int, seed: int) -> np.ndarray:
    """Cluster the rows of features (n, d) by k-means, (n,); equal rows belong to the same cluster.

    Columns are standardised with one common scale, so that the result does not depend on the unit.
    """
    from sklearn.cluster import KMeans

    x = np.asarray(features, dtype=np.float64).reshape(len(features), -1)
    x = (x - x.mean(0)) / (x.std() or 1.0)
    clusters = min(bins, len(np.unique(x, axis=0)))
    labels: np.ndarray = KMeans(clusters, n_init=4, random_state=seed).fit_predict(x)
    return labels


def quantile_bins(values: np.ndarray, bins: int) -> np.ndarray:
    """Return the quantile bin of each number (n,), 0 to bins - 1; equal numbers are in the same bin."""
    edges = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])
    found: np.ndarray = np.searchsorted(np.unique(edges), values, side="right")
    return found


def _least_informative(
    first: np.ndarray, second: np.ndarray, tolerance: float, max_iterations: int
) -> tuple[np.ndarray, float]:
    """Return q (A, B, C) with the largest H(Y | X1, X2) for marginals `first` (A, C) and `second` (B, C), and the
    duality gap in nats.

    Mirror descent under the KL divergence: the gradient of -H(Y | X1, X2) is log q(y | x1, x2), so a step of length
    1 scales q(x1, x2) to the marginals (iterative proportional fitting; the alternating projections of Csiszar &
    Tusnady 1984). Longer steps are tried while they decrease the objective, since the plain step converges slowly at
    the boundary. The scalings a(x1, y) b(x2, y) give multipliers of the constraints and thus a lower bound.
    """
    first, second = first.T, second.T  # (C, A), (C, B): one row for each value of y
    target = first.sum(1)
    q = first[:, :, None] * second[:, None] / np.where(target > 0, target, 1.0)[:, None, None]
    value, bound, step = _objective(q), -np.inf, 1.0
    for _ in range(max_iterations):
        with np.errstate(all="ignore"):  # a step that is too long may overflow and is then rejected
            kernel = np.where(q > 0, np.exp((1.0 - step) * np.log(q) + step * np.log(q.sum(0))), 0.0)
            new, a, b = _scaled(kernel, first, second)
            new_value = _objective(new)
        if not new_value <= value + 1e-15:
            if step == 1.0:
                break
            step = max(1.0, step / 4.0)
            continue
        bound = max(bound, _dual(a, b, step, first, second))
        q, value, step = new, new_value, min(1.5 * step, LONGEST_STEP)
        if value - bound < tolerance:
            break
    return np.moveaxis(q, 0, 2), value - bound


def _scaled(kernel: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return kernel * a(x1, y) * b(x2, y) with the given marginals, and a (C, A) and b (C, B)."""
    b = np.ones_like(second)
    transposed = np.ascontiguousarray(kernel.transpose(0, 2, 1))
    for _ in range(MOST_INNER):
        sums = np.matmul(kernel, b[:, :, None])[:, :, 0]
        a = np.divide(first, sums, out=np.zeros_like(sums), where=sums > 0)
        sums = np.matmul(transposed, a[:, :, None])[:, :, 0]
        new = np.divide(second, sums, out=np.zeros_like(sums), where=sums > 0)
        settled = np.abs(new - b).max() <= SETTLED * np.abs(new).max()
        b = new
        if settled:
            break
    return kernel * a[:, :, None] * b[:, None], a, b


def _objective(q: np.ndarray) -> float:
    """Return -H(Y | X1, X2) in nats of q (C, A, B)."""
    together = np.broadcast_to(q.sum(0), q.shape)
    kept = q > 0
    return float((q[kept] * np.log(q[kept] / together[kept])).sum())


def _dual(a: np.ndarray, b: np.ndarray, step: float, first: np.ndarray, second: np.ndarray) -> float:
    """Return a lower bound of the objective: sum p lambda for multipliers with sum_y exp(lambda_1 + lambda_2) <= 1."""
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log(a) / step, np.log(b) / step
    possible = (first.sum(0)[:, None] > 0) & (second.sum(0)[None] > 0)
    excess = np.log(np.exp(log_a[:, :, None] + log_b[:, None]).sum(0)[possible].max())
    kept_1, kept_2 = first > 0, second > 0
    return float((first[kept_1] * log_a[kept_1]).sum() + (second[kept_2] * log_b[kept_2]).sum() - excess)
