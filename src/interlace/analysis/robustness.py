"""What is left of a score when modalities are missing or noisy."""

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from interlace.metrics.measures import Score

RATES = tuple(round(0.1 * step, 1) for step in range(11))
ENOUGH_METHODS = 3


class Curve(NamedTuple):
    """A score against levels, mean and standard deviation over draws, (L,) each.

    `area` is that under the mean, the levels spread evenly over [0, 1]; `relative` divides it by the first level's.
    """

    mean: np.ndarray
    sd: np.ndarray
    area: float
    relative: float


def curve(scores: np.ndarray) -> Curve:
    """The curve of scores (L, R) at L levels, R draws each."""
    mean = scores.mean(1)
    sd = scores.std(1, ddof=1) if scores.shape[1] > 1 else np.zeros(len(scores))
    area = float(np.trapezoid(mean, dx=1.0 / (len(mean) - 1))) if len(mean) > 1 else float(mean[0])
    return Curve(mean, sd, area, area / float(mean[0]) if mean[0] else math.nan)


def subsets(names: Sequence[str], largest: int | None = None) -> list[tuple[str, ...]]:
    """All non-empty subsets, smaller ones first; with more than `largest` names the single ones and the whole."""
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
    """The score when each modality of `subset` is missing for each example on its own with probability p in `rates`.

    `predict` maps who has what, (n, M) bool, to outputs (n, C); `labels` (n,). The same uniform numbers decide at
    every rate, so that what is missing at one is missing at every higher one and the curve is not roughened by
    the draw (common random numbers).
    """
    chosen = [names.index(name) for name in subset]
    scores = np.empty((len(rates), draws))
    for draw in range(draws):
        uniform = np.random.Generator(np.random.PCG64([seed, draw])).random((len(labels), len(names)))
        for level, rate in enumerate(rates):
            present = np.ones((len(labels), len(names)), dtype=bool)
            present[:, chosen] = uniform[:, chosen] >= rate
            scores[level, draw] = score(predict(present), labels)
    return curve(scores)


def remembering(predict: Callable[[np.ndarray], np.ndarray], most_modalities: int) -> Callable[..., np.ndarray]:
    """`predict(present (n, M))` through a table of the 2^M patterns, each computed once for all n examples.

    The same outputs where an example's output depends on its own row alone. Beyond `most_modalities` the table is
    not worth its 2^M passes, and `predict` itself is returned.
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
    """How much better each method is when degraded than methods as good when clean (Taori et al. 2020, section 2).

    The trend is the line of least squares through (logit clean, logit degraded) over all methods; the result is
    `degraded` minus the trend, in the score's own unit. Scores lie in [0, 1]; those outside the open interval are
    moved to 0.001 from its ends, where the logit is finite. None for fewer than three methods, or when all are
    equally good when clean: there is no trend.
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
