"""Agreement of raters with each other, with themselves and with automatic metrics, and preference for a side."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from interlace.judging.judged import Judged
from interlace.statistics.bootstrap import cluster_weights
from interlace.statistics.intervals import CONFIDENCE, MIN_SEEDS, NAN, Floats
from interlace.statistics.krippendorff import LEVELS, Alpha, krippendorff_alpha

RESAMPLES = 1000
MAX_RANKED = 1000  # tasks up to which Kendall's tau has an interval, as it compares each two of them


@dataclass(frozen=True)
class Share:
    """A count of a total with Wilson's interval; `p`: of the exact test that the share is one half, where asked."""

    count: int
    total: int
    low: float
    high: float
    p: float = NAN

    @property
    def value(self) -> float:
        """The share; NaN of none."""
        return self.count / self.total if self.total else NAN


@dataclass(frozen=True)
class MetricAgreement:
    """Correlation of an automatic metric with the raters' mean judgement of `tasks` tasks, with bootstrap intervals.

    In pairs it is that of differences, so that the order of the answers does not matter.
    """

    metric: str
    tasks: int
    kendall: tuple[float, float, float]  # tau-b, ends of its interval
    pearson: tuple[float, float, float]


def share(count: int, total: int, test: bool = False) -> Share:
    """Return a share with its interval; with `test` the p-value of one half."""
    if not total:
        return Share(0, 0, NAN, NAN)
    found = stats.binomtest(count, total)
    interval = found.proportion_ci(CONFIDENCE, method="wilson")
    return Share(count, total, float(interval.low), float(interval.high), float(found.pvalue) if test else NAN)


def alphas(judged: Judged) -> list[Alpha]:
    """Return Krippendorff's alpha of each level over the tasks that two or more raters judged."""
    return [krippendorff_alpha(judged.matrix, level, judged.items) for level in LEVELS]


def same_judgements(judged: Judged) -> Share:
    """Return how many pairs of judgements of the same task by two raters are the same."""
    points = np.unique(judged.values)
    counts = (judged.matrix[:, :, None] == points).sum(axis=1)
    totals = counts.sum(axis=1)
    same = int((counts * (counts - 1)).sum()) // 2
    return share(same, int((totals * (totals - 1)).sum()) // 2)


def with_themselves(judged: Judged, rater: int | None = None) -> Share:
    """Return how many repeated tasks a rater, or all, judged the same way both times."""
    rows = judged.again if rater is None else judged.again[judged.again[:, 0] == rater]
    rows = rows[np.isfinite(rows[:, 1])]
    return share(int((rows[:, 1] == rows[:, 2]).sum()), len(rows))


def left_side(judged: Judged, rater: int | None = None) -> Share:
    """Return how many preferences were for the left side. Sides are drawn, so that without a bias it is one half."""
    rows = judged.left if rater is None else judged.left[judged.raters == rater]
    decided = rows[np.isfinite(rows)]
    return share(int(decided.sum()), len(decided), test=True)


def with_metrics(judged: Judged, seed: int = 0) -> list[MetricAgreement]:
    """Return the agreement with each automatic metric that at least three tasks have."""
    pairs = judged.folder.settings.design == "pairs"
    people = np.full(len(judged.folder.tasks), NAN)
    rated = np.unique(judged.tasks)
    people[rated] = [judged.values[judged.tasks == task].mean() for task in rated]
    names = dict.fromkeys(name for task in judged.key.tasks for name in task.metrics)
    found = []
    for name in names:
        scores = np.array([_score(task.metrics.get(name), pairs) for task in judged.key.tasks])
        rows = np.isfinite(scores) & np.isfinite(people)
        if len(np.unique(judged.items[rows])) < MIN_SEEDS:
            continue
        x, y, items = scores[rows], people[rows], judged.items[rows]
        if pairs:  # each task both ways round
            x, y, items = np.concatenate([x, -x]), np.concatenate([y - 0.5, 0.5 - y]), np.concatenate([items, items])
        found.append(_correlated(name, int(rows.sum()), x, y, items, seed))
    return found


def _score(values: list[float | None] | None, pairs: bool) -> float:
    if values is None or any(value is None for value in values[: 1 + pairs]):
        return NAN
    return float(values[0] - values[1]) if pairs else float(values[0])  # type: ignore[operator, arg-type]


def _correlated(name: str, tasks: int, x: Floats, y: Floats, items: np.ndarray, seed: int) -> MetricAgreement:
    weights = cluster_weights(items, RESAMPLES, np.random.default_rng(seed))
    one = np.ones((1, len(x)))
    if len(x) > 2 * MAX_RANKED:
        kendall = (float(stats.kendalltau(x, y).statistic), NAN, NAN)
    else:
        kendall = (float(_kendall(x, y, one)[0]), *_ends(_kendall(x, y, weights)))
    return MetricAgreement(name, tasks, kendall, (float(_pearson(x, y, one)[0]), *_ends(_pearson(x, y, weights))))


def _kendall(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return Kendall's tau-b of values (N,) drawn `weights` (B, N) times, (B,)."""
    dx, dy = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    concordant, *untied = (np.einsum("bn,bn->b", weights @ each, weights) for each in (dx * dy, dx * dx, dy * dy))
    return _quotient(concordant, np.sqrt(untied[0] * untied[1]))


def _pearson(x: Floats, y: Floats, weights: Floats) -> Floats:
    total = weights.sum(axis=1)
    mean_x, mean_y = weights @ x / total, weights @ y / total
    covariance = weights @ (x * y) / total - mean_x * mean_y
    spread = (weights @ (x * x) / total - mean_x**2) * (weights @ (y * y) / total - mean_y**2)
    return _quotient(covariance, np.sqrt(np.maximum(spread, 0.0)))


def _quotient(above: Floats, below: Floats) -> Floats:
    return np.where(below > 1e-12, above / np.maximum(below, 1e-12), NAN)


def _ends(values: Floats) -> tuple[float, float]:
    if not np.isfinite(values).any():
        return NAN, NAN
    low, high = np.nanquantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def median_seconds(judged: Judged, rater: int) -> float:
    """Return the median time that a rater took for a task; NaN where unknown."""
    known = judged.seconds[(judged.raters == rater) & np.isfinite(judged.seconds)]
    return float(np.median(known)) if len(known) else math.nan
