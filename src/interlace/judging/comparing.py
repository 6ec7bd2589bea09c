"""Comparisons of systems by raters: win rates and differences with claims, and Bradley-Terry strengths.

Raters and test items are both sources of chance: the inference is to other raters and other items of their kind. With
fewer than three raters it is to other items judged by these raters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy import special, stats

from interlace.judging.judged import Ints, Judged
from interlace.statistics.best import SIGNIFICANT
from interlace.statistics.bootstrap import cluster_weights
from interlace.statistics.bradley_terry import UNBOUNDED, count_outcomes, is_estimable, strengths
from interlace.statistics.corrections import holm
from interlace.statistics.crossed import crossed_ratings
from interlace.statistics.intervals import CONFIDENCE, MIN_SEEDS, NAN, Floats, is_zero, spread, t_interval

RESAMPLES = 2000
BLOCK = 4_000_000  # weights of comparisons that are held at a time, 32 MB


@dataclass(frozen=True)
class Outcomes:
    """Comparisons of two systems as arrays (K,): the systems' numbers, first < second, the outcome for the first (1,
    0.5, 0), and on a scale the difference of the points; `shown`: False for equal answers, which nobody was shown."""

    first: Ints
    second: Ints
    outcome: Floats
    difference: Floats
    raters: Ints
    items: Ints
    shown: np.ndarray


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval and the two-sided p-value of zero, of a rate that of one half; NaN where not asked."""

    mean: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class PairResult:
    """Two systems compared. `rate`: share of the first, a tie half. `difference`: on a scale of the mean points.

    `p_adjusted`: Holm's correction over all pairs. `preferred`: the system that is preferred significantly, else None.
    `identical`: comparisons of equal answers, which count as ties of every rater.
    """

    first: str
    second: str
    wins: int
    ties: int
    losses: int
    identical: int
    items: int
    rate: Estimate
    difference: Estimate | None
    p_adjusted: float
    preferred: str | None


@dataclass(frozen=True)
class Strength:
    """The Bradley-Terry strength of a system, in logits with mean zero over systems; infinite ends are open."""

    system: str
    strength: float
    low: float
    high: float


def outcomes_of(judged: Judged) -> Outcomes:
    """Return the comparisons in judgements of pairs, or in the points that a rater gave to answers of one item."""
    rows = _of_pairs(judged) if judged.folder.settings.design == "pairs" else _of_scale(judged)
    return as_outcomes(rows)


def as_outcomes(rows: Sequence[tuple[int, int, float, float, int, int, bool]]) -> Outcomes:
    """Return rows (first, second, outcome, difference, rater, item, shown) as arrays, the lower system first."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    turned = table[:, 0] > table[:, 1]
    table[turned] = table[turned][:, [1, 0, 2, 3, 4, 5, 6]]
    table[turned, 2], table[turned, 3] = 1 - table[turned, 2], -table[turned, 3]
    first, second, raters, items = (table[:, column].astype(np.int64) for column in (0, 1, 4, 5))
    return Outcomes(first, second, table[:, 2], table[:, 3], raters, items, table[:, 6] > 0)


def _of_pairs(judged: Judged) -> list[tuple[int, int, float, float, int, int, bool]]:
    systems = [task.systems for task in judged.key.tasks]
    given = zip(judged.raters.tolist(), judged.tasks.tolist(), judged.values.tolist(), strict=True)
    rows = [(*systems[task], value, NAN, rater, judged.items[task], True) for rater, task, value in given]
    present = np.unique(judged.raters).tolist()
    for number, task in enumerate(judged.folder.tasks):
        if task.identical:
            rows += [(*systems[number], 0.5, NAN, rater, judged.items[number], False) for rater in present]
    return rows  # type: ignore[return-value]


def _of_scale(judged: Judged) -> list[tuple[int, int, float, float, int, int, bool]]:
    given: dict[tuple[int, int], dict[int, float]] = {}
    for rater, task, value in zip(judged.raters.tolist(), judged.tasks.tolist(), judged.values.tolist(), strict=True):
        points = given.setdefault((rater, int(judged.items[task])), {})
        points |= dict.fromkeys(judged.key.tasks[task].systems, value)
    return [
        (a, b, 0.5 + 0.5 * float(np.sign(points[a] - points[b])), points[a] - points[b], rater, item, True)
        for (rater, item), points in given.items()
        for a, b in combinations(sorted(points), 2)
    ]


def compare_pairs(outcomes: Outcomes, names: Sequence[str], scale: bool = False) -> list[PairResult]:
    """Return each pair of systems with comparisons; claims rest on rates, on a scale on differences of mean points."""
    found: list[PairResult] = []
    for a, b in combinations(range(len(names)), 2):
        rows = (outcomes.first == a) & (outcomes.second == b)
        if not rows.any():
            continue
        raters, items, shown = outcomes.raters[rows], outcomes.items[rows], outcomes.shown[rows]
        outcome = outcomes.outcome[rows]
        difference = estimate(outcomes.difference[rows], raters, items) if scale else None
        found.append(
            PairResult(
                names[a], names[b], int((outcome == 1).sum()), int((outcome[shown] == 0.5).sum()),
                int((outcome == 0).sum()), len(np.unique(items[~shown])), len(np.unique(items)),
                rate(outcome, raters, items), difference, NAN, None,
            )
        )  # fmt: skip
    adjusted = holm([(each.difference or each.rate).p for each in found])
    return [_with_claim(each, p) for each, p in zip(found, adjusted, strict=True)]


def _with_claim(pair: PairResult, p: float) -> PairResult:
    ahead = pair.difference.mean if pair.difference else pair.rate.mean - 0.5
    preferred = (pair.first if ahead > 0 else pair.second) if p < SIGNIFICANT and ahead else None
    return replace(pair, p_adjusted=p, preferred=preferred)


def rate(outcome: Floats, raters: Ints, items: Ints) -> Estimate:
    """Return the mean of outcomes (K,) in [0, 1], with the hull of three intervals and the largest of their p-values.

    They are that of `estimate`; Wilson's for as many trials as there are items, which is not too short where nearly all
    outcomes are the same; and with three or more raters Student's t on the logits of their rates. A few raters with
    strong tastes have rates near both ends: t on rates alone makes 8% of false claims there, with logits 5%.
    """
    found, trials = estimate(outcome - 0.5, raters, items), len(np.unique(items))
    mean = found.mean + 0.5
    logits = _rater_logits(outcome, raters)
    low, high = t_interval(logits)
    on_logits = float(special.expit(low)), float(special.expit(high))
    intervals = [(found.low + 0.5, found.high + 0.5), _wilson(mean, trials), on_logits]
    ends = [[each[side] for each in intervals if math.isfinite(each[side])] for side in (0, 1)]
    by_raters = _t_p(logits) if len(logits) >= MIN_SEEDS else 0.0
    return Estimate(mean, max(0.0, min(ends[0])), min(1.0, max(ends[1])), max(found.p, by_raters))


def _rater_logits(outcome: Floats, raters: Ints) -> Floats:
    """Return the logit of each rater's rate, half an outcome added on either side."""
    _, index = np.unique(raters, return_inverse=True)
    won, total = np.bincount(index, weights=outcome), np.bincount(index)
    return np.asarray(special.logit((won + 0.5) / (total + 1)))


def _t_p(values: Floats) -> float:
    """Return the p-value of Student's t test of a zero mean; 0 for equal values that are not zero."""
    deviation = spread(values)
    if deviation == 0.0:
        return 1.0 if is_zero(values) else 0.0
    t = abs(float(values.mean())) / deviation * math.sqrt(len(values))
    return 2 * float(special.stdtr(len(values) - 1, -t))


def estimate(values: Floats, raters: Ints, items: Ints) -> Estimate:
    """Return the mean of values (K,) with its interval over raters and items (`crossed_ratings`).

    The p-value is the larger one of that estimate and of a sign test over the items' means, which needs no estimate of
    a variance: without it, five equal judgements were significant. No interval below three items or without variance.
    """
    crossed = crossed_ratings(values, raters, items)
    signed = _sign_p(values, items)
    if crossed is None:
        return Estimate(float(values.mean()), NAN, NAN, signed)
    low, high = crossed.interval(CONFIDENCE) if crossed.variance > 0 else (NAN, NAN)
    return Estimate(crossed.mean, low, high, max(signed, crossed.p_value))


def _sign_p(values: Floats, items: Ints) -> float:
    """Return the p-value of the sign test over the items' means; 1 if all are zero."""
    sums = np.bincount(np.unique(items, return_inverse=True)[1], weights=values)
    signs = np.sign(np.where(np.abs(sums) < 1e-9, 0.0, sums))
    decided = int(np.abs(signs).sum())
    return float(stats.binomtest(int((signs > 0).sum()), decided).pvalue) if decided else 1.0


def _wilson(share: float, trials: int) -> tuple[float, float]:
    """Return Wilson's score interval of a share of `trials`."""
    z2 = float(special.ndtri((1 + CONFIDENCE) / 2)) ** 2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return centre - half, centre + half


def bradley_terry(outcomes: Outcomes, names: Sequence[str], seed: int = 0) -> list[Strength]:
    """Return the strengths of the systems with percentile intervals over drawn items and, of three or more, raters.

    Strengths are NaN where the likelihood has no maximum: a group of systems won, or lost, all comparisons with the
    others. An end of an interval is infinite where resamples are like that.
    """
    if not len(outcomes.outcome):
        return [Strength(name, NAN, NAN, NAN) for name in names]
    counts = _drawn_counts(outcomes, len(names), seed)
    if not is_estimable(counts[0], len(names)):
        return [Strength(name, NAN, NAN, NAN) for name in names]
    found = strengths(counts, len(names))[0]
    found = np.where(np.abs(found) > UNBOUNDED, np.copysign(np.inf, found), found)
    tail = (1 - CONFIDENCE) / 2
    if len(found) == 1:
        return [Strength(name, float(found[0, i]), NAN, NAN) for i, name in enumerate(names)]
    ends = np.quantile(found[1:], [tail, 1 - tail], axis=0, method="nearest")  # interpolation fails between infinities
    return [Strength(name, float(found[0, i]), float(ends[0, i]), float(ends[1, i])) for i, name in enumerate(names)]


def _drawn_counts(outcomes: Outcomes, systems: int, seed: int) -> Floats:
    """Return the counts of `strengths` as they are and, from three items on, in `RESAMPLES` resamples."""
    over_raters = len(np.unique(outcomes.raters)) >= MIN_SEEDS
    rng, size = np.random.default_rng(seed), len(outcomes.outcome)
    counts = [_counts(outcomes, np.ones((1, size)), systems)]
    left = RESAMPLES if len(np.unique(outcomes.items)) >= MIN_SEEDS else 0
    while left:
        number = min(left, max(1, BLOCK // size))
        weights = cluster_weights(outcomes.items, number, rng)
        if over_raters:
            weights *= cluster_weights(outcomes.raters, number, rng)
        counts.append(_counts(outcomes, weights, systems))
        left -= number
    return np.concatenate(counts)


def _counts(outcomes: Outcomes, weights: Floats, systems: int) -> Floats:
    return count_outcomes(outcomes.first, outcomes.second, outcomes.outcome, weights, systems)


def shares(outcomes: Outcomes, names: Sequence[str]) -> list[tuple[str, Estimate]]:
    """Return the share of comparisons that each system wins against all others, ties half."""
    found = []
    for number, name in enumerate(names):
        here, there = outcomes.first == number, outcomes.second == number
        rows = here | there
        if rows.any():
            won = np.where(here, outcomes.outcome, 1 - outcomes.outcome)[rows]
            found.append((name, replace(rate(won, outcomes.raters[rows], outcomes.items[rows]), p=NAN)))
    return found


def means(judged: Judged, names: Sequence[str]) -> list[tuple[str, Estimate]]:
    """Return the mean points of each system on a scale."""
    found = []
    for number, name in enumerate(names):
        own = np.array([number in task.systems for task in judged.key.tasks])
        rows = own[judged.tasks]
        if rows.any():
            each = estimate(judged.values[rows], judged.raters[rows], judged.items[judged.tasks[rows]])
            found.append((name, replace(each, p=NAN)))
    return found
