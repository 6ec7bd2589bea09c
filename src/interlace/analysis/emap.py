"""Empirical multimodally-additive projection (EMAP): the part of a model that is a sum of unimodal functions."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from interlace.metrics.measures import Score


class Projection(NamedTuple):
    """Outputs f (n, C) of a model, their additive projection (n, C), and the unexplained fraction of variance.

    `interaction` is a fraction of variance, 0 (a sum of unimodal functions) to 1 (balanced XOR): sum (f - g)^2 /
    (sum (f - g)^2 + sum (g - mean g)^2) for the projection g over the evaluated combinations of modalities, whose parts
    are independent; outputs of exclusive classes are centred over these, as a constant added to all logits has no
    effect.
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
        """Gain from interactions between modalities: `score - projected`."""
        return self.score - self.projected


class _Grid(NamedTuple):
    """Sums of the outputs over all pairs of one modality's values (rows) and `partners` of the others (columns)."""

    partners: np.ndarray  # (n, M)
    rows: np.ndarray  # means (n, C)
    columns: np.ndarray  # means (n, C)
    squares: float  # sum of squares, centred over classes


def emap(
    predict: Callable[[np.ndarray], np.ndarray],
    *,
    examples: int,
    modalities: int,
    batch_size: int,
    seed: int,
    exclusive: bool = True,
) -> Projection:
    """Compute outputs f and their empirical multimodally-additive projection (EMAP; Hessel & Lee 2020, section 3).

    f_emap(i) = sum_m mean_j f(x_m of i, the others of j) - (M - 1) grand mean. `predict` maps rows (B, M), the
    example from which each modality is taken, to logits (B, C): M n^2 evaluations in batches. For M = 2, j runs over
    all pairs, as in the paper. For M > 2 the others of j are rows of independent permutations, redrawn for each m: a
    Latin sample of the product of marginals over which the projection is defined. In both cases each example occurs
    once, so that a sum of unimodal functions equals its projection exactly. `exclusive`: the outputs are logits of
    which one class is answered.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    original = _outputs(predict, np.repeat(np.arange(examples)[:, None], modalities, 1), batch_size)
    level = original.mean(0)  # subtracted, so that sums of squares lose fewer digits
    grids = []
    for modality in range(modalities):
        partners = np.stack([rng.permutation(examples) for _ in range(modalities)], 1)  # (n, M)
        grids.append(_grid(lambda rows: predict(rows) - level, partners, modality, batch_size, exclusive))
    parts = np.stack([grid.rows for grid in grids])  # (M, n, C)
    grand = parts.mean((0, 1))
    projected = parts.sum(0) - (modalities - 1) * grand + level
    return Projection(original, projected, _interaction(grids, parts, grand, exclusive))


def additive_scores(projection: Projection, score: Score, labels: np.ndarray) -> AdditiveScores:
    """Return the scores of the outputs and of their projection for the labels (n,)."""
    return AdditiveScores(score(projection.original, labels), score(projection.projected, labels))


def _grid(
    predict: Callable[[np.ndarray], np.ndarray], partners: np.ndarray, modality: int, batch_size: int, exclusive: bool
) -> _Grid:
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
        squares += float(np.square(_centred(outputs, exclusive)).sum())
    return _Grid(partners, np.concatenate(means), columns, squares)


def _interaction(grids: Sequence[_Grid], parts: np.ndarray, grand: np.ndarray, exclusive: bool) -> float:
    """Compute `Projection.interaction` from the sums over each grid; its projection is a_i + b_j in row i, column j."""
    modalities, examples, _ = parts.shape
    parts, grand = _centred(parts, exclusive), _centred(grand, exclusive)
    rest = explained = 0.0
    for modality, (partners, rows, columns, squares) in enumerate(grids):
        a = _centred(rows, exclusive)
        others = [parts[m][partners[:, m]] for m in range(modalities) if m != modality]
        b = np.sum(others, axis=0) - (modalities - 1) * grand if others else np.zeros_like(a)
        fitted = examples * (np.square(a).sum() + np.square(b).sum()) + 2 * (a.sum(0) @ b.sum(0))
        product = examples * (np.square(a).sum() + (b * _centred(columns, exclusive)).sum())
        rest += max(0.0, squares - 2 * product + fitted)
        explained += max(0.0, fitted - np.square(a.sum(0) + b.sum(0)).sum())
    total = rest + explained
    return float(rest / total) if total > 0 else 0.0


def _centred(outputs: np.ndarray, exclusive: bool) -> np.ndarray:
    """Return logits (..., C) of exclusive classes minus their mean over these; others and a single one unchanged."""
    return outputs - outputs.mean(-1, keepdims=True) if exclusive and outputs.shape[-1] > 1 else outputs


def _outputs(predict: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Return outputs (B, C) in double precision, since sums of many must resolve small differences of classes."""
    parts = [predict(rows[start : start + batch_size]) for start in range(0, len(rows), batch_size)]
    outputs = np.concatenate(parts).astype(np.float64)
    return outputs.reshape(len(rows), -1)
