"""How much of a model is a sum of one function a modality."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from interlace.analysis.scores import Score


class AdditiveShare(NamedTuple):
    """Scores of a model and of its additive projection on the same examples.

    `residual` is the share of the variance of the outputs, centred over classes, that no sum explains: 0 for an
    additive model, 1 for pure interaction such as XOR.
    """

    score: float
    projected: float
    residual: float

    @property
    def gap(self) -> float:
        """What interaction between modalities is worth: `score - projected`."""
        return self.score - self.projected


def emap(
    predict: Callable[[np.ndarray], np.ndarray], *, examples: int, modalities: int, batch_size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs f and their empirical multimodally-additive projection (EMAP; Hessel & Lee 2020, section 3), (n, C) each.

    f_emap(i) = sum_m mean_j f(x_m of i, the others of j) - (M - 1) grand mean. `predict` maps rows (B, M), the
    example from which each modality is taken, to logits (B, C): M n^2 calls in batches, n^2 for two modalities.
    For M = 2 j runs over all pairs, as in the paper. For M > 2 the others of j are rows of independent
    permutations, redrawn for each m: a Latin sample of the product of marginals over which the projection is
    defined. Either way each example comes once, so that a sum of functions is its own projection exactly.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    every = np.arange(examples)
    original = _outputs(predict, np.repeat(every[:, None], modalities, 1), batch_size)
    parts = np.zeros((modalities, *original.shape))
    for modality in range(modalities):
        partners = np.stack([rng.permutation(examples) for _ in range(modalities)], 1)  # (n, M)
        step = max(1, batch_size // examples)
        for start in range(0, examples, step):
            own = every[start : start + step]
            rows = np.repeat(partners[None], len(own), 0)  # (b, n, M)
            rows[:, :, modality] = own[:, None]
            outputs = _outputs(predict, rows.reshape(-1, modalities), batch_size)
            parts[modality, own] = outputs.reshape(len(own), examples, -1).mean(1)
    grand = parts.mean((0, 1))
    return original, parts.sum(0) - (modalities - 1) * grand


def additive_share(original: np.ndarray, projected: np.ndarray, score: Score, labels: np.ndarray) -> AdditiveShare:
    """Scores of the outputs (n, C) and of their projection, and the share of variance that the projection misses."""
    centred = original - original.mean(1, keepdims=True) if original.shape[1] > 1 else original
    rest = original - projected
    rest = rest - rest.mean(1, keepdims=True) if original.shape[1] > 1 else rest
    total = np.square(centred - centred.mean(0)).sum()
    share = float(np.square(rest).sum() / total) if total > 0 else 0.0
    return AdditiveShare(score(original, labels), score(projected, labels), share)


def _outputs(predict: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Outputs (B, C) in double precision: sums of many must not lose what tells two classes apart."""
    parts = [predict(rows[start : start + batch_size]) for start in range(0, len(rows), batch_size)]
    outputs = np.concatenate(parts).astype(np.float64)
    return outputs.reshape(len(rows), -1)
