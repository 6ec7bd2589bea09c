"""Perceptual score: dependence of a model's score on a modality."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from interlace.metrics.measures import Score


class PerceptualScore(NamedTuple):
    """Decrease of the score when a modality is permuted over examples, mean and standard deviation over permutations.

    `by_model` divides the mean by the score, `by_task` by the score minus chance.
    """

    loss: float
    sd: float
    by_model: float
    by_task: float


def perceptual_score(
    predict: Callable[[np.ndarray], np.ndarray],
    score: Score,
    labels: np.ndarray,
    *,
    modality: int,
    modalities: int,
    repeats: int,
    chance: float,
    seed: int,
) -> PerceptualScore:
    """Compute the score minus the score with a modality permuted over all examples (Gat et al. 2021, section 3).

    `predict` maps rows (n, M), the example from which each modality is taken, to outputs (n, C). Permuting within
    batches is faster but biased, since an example then often keeps its own modality; here the probability is 1 / n.
    """
    rng = np.random.Generator(np.random.PCG64([seed, modality]))
    rows = np.repeat(np.arange(len(labels))[:, None], modalities, 1)
    whole = score(predict(rows), labels)
    losses = np.empty(repeats)
    for repeat in range(repeats):
        mixed = rows.copy()
        mixed[:, modality] = rng.permutation(len(labels))
        losses[repeat] = whole - score(predict(mixed), labels)
    loss, above = float(losses.mean()), whole - chance
    return PerceptualScore(
        loss,
        float(losses.std(ddof=1)) if repeats > 1 else 0.0,
        loss / whole if whole else float("nan"),
        loss / above if abs(above) > 1e-12 else float("nan"),
    )
