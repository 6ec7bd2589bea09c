"""How much of a model is a sum of one function a modality."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from interlace.metrics.measures import Score


class Projection(NamedTuple):
    """Outputs f (n, C) of a model, their additive projection (n, C), and how much of f no sum explains.

    `interaction` is a share of variance, 0 (a sum of functions) to 1 (balanced XOR): over the combinations of
    modalities that were asked for, whose parts are independent, sum (f - g)^2 / (sum (f - g)^2 + sum (g - mean g)^2)
    for the projection g; centred over classes, since a constant added to all logits says nothing.
    """

    original: np.ndarray
    projected: np.ndarray
    interaction: float


class AdditiveScores(NamedTuple):
    """Scores of a model and of its additive projection on the same examples."""

    score: float
    projected: float

    @property
    def gap(self) -> float:
        """What interaction between modalities is worth: `score - projected`."""
        return self.score - self.projected


class _Grid(NamedTuple):
    """Outputs over all pairs of one modality's values (rows) and `partners` of the others (columns), summed up."""

    partners: np.ndarray  # (n, M)
    rows: np.ndarray  # means (n, C)
    columns: np.ndarray  # means (n, C)
    squares: float  # sum of squares, centred over classes


def emap(
    predict: Callable[[np.ndarray], np.ndarray], *, examples: int, modalities: int, batch_size: int, seed: int
) -> Projection:
    """Outputs f and their empirical multimodally-additive projection (EMAP; Hessel & Lee 2020, section 3).

    f_emap(i) = sum_m mean_j f(x_m of i, the others of j) - (M - 1) grand mean. `predict` maps rows (B, M), the
    example from which each modality is taken, to logits (B, C): M n^2 calls in batches, n^2 for two modalities.
    For M = 2 j runs over all pairs, as in the paper. For M > 2 the others of j are rows of independent
    permutations, redrawn for each m: a Latin sample of the product of marginals over which the projection is
    defined. Either way each example comes once, so that a sum of functions is its own projection exactly.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    original = _outputs(predict, np.repeat(np.arange(examples)[:, None], modalities, 1), batch_size)
    level = original.mean(0)  # sums of squares lose fewer digits about it
    grids = []
    for modality in range(modalities):
        partners = np.stack([rng.permutation(examples) for _ in range(modalities)], 1)  # (n, M)
        grids.append(_grid(lambda rows: predict(rows) - level, partners, modality, batch_size))
    parts = np.stack([grid.rows for grid in grids])  # (M, n, C)
    grand = parts.mean((0, 1))
    projected = parts.sum(0) - (modalities - 1) * grand + level
    return Projection(original, projected, _interaction(grids, parts, grand))


def additive_scores(projection: Projection, score: Score, labels: np.ndarray) -> AdditiveScores:
    """Scores of the outputs and of their projection against the labels (n,)."""
    return AdditiveScores(score(projection.original, labels), score(projection.projected, labels))


def _grid(predict: Callable[[np.ndarray], np.ndarray], partners: np.ndarray, modality: int, batch_size: int) -> _Grid:
    examples, modalities = partners.shape
    means, columns, squares = [], np.zeros(()), 0.0
    step = max(1, batch_size // examples)
    for start in range(0, examples, step):
        own = np.arange(start, min(start + step, examples))
        rows = np.repeat(partners[None], len(own), 0)  # (b, n, M)
        rows[:, :, modality] = own[:, None]
        outputs = _outputs(predict, rows.reshape(-1, modalities), batch_size).reshape(len(own), examples, -1)
        means.append(outputs.mean(1))
        columns = columns + outputs.sum(0) / examples
        squares += float(np.square(_centred(outputs)).sum())
    return _Grid(partners, np.concatenate(means), columns, squares)


def _interaction(grids: Sequence[_Grid], parts: np.ndarray, grand: np.ndarray) -> float:
    """`Projection.interaction`, from the sums over each grid: its projection is a_i + b_j in row i and column j."""
    modalities, examples, _ = parts.shape
    parts, grand = _centred(parts), _centred(grand)
    rest = explained = 0.0
    for modality, (partners, rows, columns, squares) in enumerate(grids):
        a = _centred(rows)
        others = [parts[m][partners[:, m]] for m in range(modalities) if m != modality]
        b = np.sum(others, axis=0) - (modalities - 1) * grand if others else np.zeros_like(a)
        fitted = examples * (np.square(a).sum() + np.square(b).sum()) + 2 * (a.sum(0) @ b.sum(0))
        product = examples * (np.square(a).sum() + (b * _centred(columns)).sum())
        rest += max(0.0, squares - 2 * product + fitted)
        explained += max(0.0, fitted - np.square(a.sum(0) + b.sum(0)).sum())
    total = rest + explained
    return float(rest / total) if total > 0 else 0.0


def _centred(outputs: np.ndarray) -> np.ndarray:
    """Logits (..., C) less their mean over classes; one value alone keeps its level."""
    return outputs - outputs.mean(-1, keepdims=True) if outputs.shape[-1] > 1 else outputs


def _outputs(predict: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Outputs (B, C) in double precision: sums of many must not lose what tells two classes apart."""
    parts = [predict(rows[start : start + batch_size]) for start in range(0, len(rows), batch_size)]
    outputs = np.concatenate(parts).astype(np.float64)
    return outputs.reshape(len(rows), -1)
