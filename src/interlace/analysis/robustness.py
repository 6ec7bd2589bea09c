"""Robustness of a score to missing or noisy modalities."""

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from interlace.metrics.measures import Score

RATES = tuple(round(0.1 * step, 1) for step in range(11))
ENOUGH_METHODS = 3


class Curve(NamedTuple):
    """Score as a function of the level, mean and standard deviation over draws, (L,) each.

    `area` is the area under the mean with the levels spaced evenly over [0, 1]; `relative` is `area` divided by the
    mean at the first level.
    """

    mean: np.ndarray
    sd: np.ndarray
    area: float
    relative: float


def curve(scores: np.ndarray) -> Curve:
    """Return the curve of scores (L, R) at L levels with R draws each."""
    mean = scores.mean(1)
    sd = scores.std(1, ddof=1) if scores.shape[1] > 1 else np.zeros(len(scores))
    area = float(np.trapezoid(mean, dx=1.0 / (len(mean) - 1))) if len(mean) > 1 else float(mean[0])
    return Curve(mean, sd, area, area / float(mean[0]) if mean[0] else math.nan)


def subsets(names: Sequence[str], largest: int | None = None) -> list[tuple[str, ...]]:
    """Return all nonempty subsets, smaller ones first; for more than `largest` names only single names and all."""
    sizes = range(1, len(names) + 1)
    if largest is not None and len(names) > largest:
        return [*((name,) for name in names), tuple(names)]
    return [subset for size in sizes for subset in combinations(names, size)]


def missing_curve(
    predict: Callable[[np.ndarray], np.ndarray],
    score: Score,
    labels: np.ndarray,
    *,
    names: Sequence[str],
    subset: Sequence[str],
    draws: int,
    seed: int,
    rates: Sequence[float] = RATES,
) -> Curve:
    """Return the score when each modality of `subset` is independently missing with probability p for p in `rates`.

    `predict` maps presence (n, M) bool to outputs (n, C); `labels` (n,). All rates use the same uniform numbers (common
    random numbers), so that a modality missing at one rate is missing at every higher one and the curve is smooth.
    """
    columns = [names.index(name) for name in subset]
    scores = np.empty((len(rates), draws))
    for draw in range(draws):
        uniform = np.random.Generator(np.random.PCG64([seed, draw])).random((len(labels), len(names)))
        for level, rate in enumerate(rates):
            present = np.ones((len(labels), len(names)), dtype=bool)
            present[:, columns] = uniform[:, columns] >= rate
            scores[level, draw] = score(predict(present), labels)
    return curve(scores)


def cached_by_pattern(predict: Callable[[np.ndarray], np.ndarray], most_modalities: int) -> Callable[..., np.ndarray]:
    """Return `predict(present (n, M))` with a table of the 2^M patterns, each computed once for all n examples.

    The outputs are the same if an example's output depends only on its own row. For more than `most_modalities`
    modalities the 2^M passes are not worth it, and `predict` is called directly.
    """
    table: dict[int, np.ndarray] = {}

    def look_up(present: np.ndarray) -> np.ndarray:
        n, modalities = present.shape
        if modalities > most_modalities:
            return predict(present)
        codes = present @ (1 << np.arange(modalities))
        result: np.ndarray | None = None
        for code in np.unique(codes).tolist():
            if code not in table:
                pattern = (code >> np.arange(modalities)) & 1 == 1
                table[code] = predict(np.broadcast_to(pattern, (n, modalities)))
            if result is None:
                result = np.empty_like(table[code])
            rows = codes == code
            result[rows] = table[code][rows]
        assert result is not None, "no example"
        return result

    return look_up


def effective_robustness(clean: Sequence[float], degraded: Sequence[float]) -> list[float] | None:
    """Return the effective robustness of each method: its degraded score minus the one expected from its clean score
    (Taori et al. 2020, section 2).

    The expectation is the least-squares line through (logit clean, logit degraded) over all methods, transformed back
    to scores. Scores lie in [0, 1] and are clipped to [0.001, 0.999], where the logit is finite. None for fewer than
    three methods or if all clean scores are equal, since there is no trend then.
    """
    x, y = (_logit(np.asarray(values, dtype=np.float64)) for values in (clean, degraded))
    if len(x) < ENOUGH_METHODS or np.ptp(x) < 1e-9:
        return None
    slope, intercept = np.polyfit(x, y, 1)
    trend = 1.0 / (1.0 + np.exp(-(slope * x + intercept)))
    return [float(v) for v in np.asarray(degraded) - trend]


def _logit(values: np.ndarray) -> np.ndarray:
    inside = np.clip(values, 1e-3, 1.0 - 1e-3)
    result: np.ndarray = np.log(inside / (1.0 - inside))
    return result
