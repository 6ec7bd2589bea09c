"""Multiple comparisons with the best arm, where the best is selected by its mean."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from interlace.statistics.bimodality import Bimodality, find_bimodality
from interlace.statistics.contrasts import ArmResults, Contrast, contrast
from interlace.statistics.corrections import holm
from interlace.statistics.intervals import CONFIDENCE, UNBOUNDED, Interval

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class PairwiseComparison:
    """Comparison of the best arm with another arm.

    `is_higher`: the mean over shared seeds favours the best arm. `p_adjusted` is Holm's over all pairs of arms, any of
    which could have been the best; NaN below three shared seeds. `rank_p` is 0 if no arm has bimodal seeds, else
    `separation_p` of the two arms, and `rank_p_adjusted` is Bonferroni's over all other arms.
    """

    contrast: Contrast
    is_higher: bool
    p_adjusted: float
    rank_p: float
    rank_p_adjusted: float

    @property
    def is_significant(self) -> bool:
        """True if the uncorrected tests reject, as a winner needs against every other arm."""
        return self.is_higher and self.contrast.p_value < SIGNIFICANT and self.rank_p < SIGNIFICANT

    @property
    def is_significant_adjusted(self) -> bool:
        """True if the tests reject after correction for the selection of the best and for all pairs."""
        return self.is_higher and self.p_adjusted < SIGNIFICANT and self.rank_p_adjusted < SIGNIFICANT


@dataclass(frozen=True)
class BestComparison:
    """The arm with the best mean, its comparisons with the other arms, best first, and the arms with bimodal seeds."""

    best: str
    others: Mapping[str, PairwiseComparison]
    bimodal: Mapping[str, Bimodality]

    @cached_property
    def wins(self) -> bool:
        """True if the best arm is significantly better than every other arm.

        Each comparison is tested at 5% without correction: a false winner must pass all tests (intersection-union test,
        Berger 1982), and the worst case is that of two equally good best arms (the least favourable configuration of
        Gupta and Hsu).
        """
        return bool(self.others) and all(other.is_significant for other in self.others.values())

    @property
    def undecided(self) -> list[str]:
        """The arms that are not significantly worse than the best after correction; none if the best arm wins."""
        return [] if self.wins else [name for name, other in self.others.items() if not other.is_significant_adjusted]

    def equivalent(self, margin: float) -> list[str]:
        """Return the arms equivalent to the best: difference within ±margin by two one-sided tests (Schuirmann 1987).

        The level is 5% after Bonferroni's correction over all pairs of arms.
        """
        confidence = 1 - 2 * SIGNIFICANT / num_pairs(len(self.others) + 1)
        found = []
        for name, other in self.others.items():
            low, high = other.contrast.interval(confidence)
            if -margin < low and high < margin and not {self.best, name} & set(self.bimodal):
                found.append(name)
        return found


def compare_with_best(
    arms: Mapping[str, ArmResults], direction: str, *, resolution: float = 0.0, bounds: Interval = UNBOUNDED
) -> BestComparison | None:
    """Compare the best of the arms that have a metric value with the others; None if no arm has one.

    `direction`: "max" or "min". `resolution` is the smallest step of the metric, `bounds` its range.
    """
    sign = 1.0 if direction == "max" else -1.0
    means = {name: sign * sum(arm.seeds.values()) / len(arm.seeds) for name, arm in arms.items() if arm.seeds}
    if not means:
        return None
    order = sorted(means, key=lambda name: -means[name])
    best, others = order[0], order[1:]
    width = bounds[1] - bounds[0]
    bimodal = {
        name: found
        for name in order
        if (found := find_bimodality(arms[name].seeds, width if math.isfinite(width) else None)) is not None
    }
    contrasts = {name: contrast(arms[best], arms[name], resolution) for name in others}
    adjusted = holm([each.p_value for each in contrasts.values()], num_pairs(len(order)))
    comparisons = {}
    for name, p_adjusted in zip(others, adjusted, strict=True):
        rank_p = separation_p(arms[best], arms[name], direction) if bimodal else 0.0
        is_higher = sign * contrasts[name].difference > 0
        rank_p_adjusted = min(1.0, rank_p * len(others))
        comparisons[name] = PairwiseComparison(contrasts[name], is_higher, p_adjusted, rank_p, rank_p_adjusted)
    return BestComparison(best, comparisons, bimodal)


def separation_p(first: ArmResults, second: ArmResults, direction: str) -> float:
    """Return the one-sided p-value of complete separation, every seed of the first arm better than every seed of the
    second: 1 / C(n + m, n) for n and m seeds under exchangeability; 1 if the arms overlap.

    It is required in addition if the seeds of any arm of a study are bimodal: another arm may then have reached only
    one mode, with hardly any spread, and the t-test would be too certain.
    """
    sign = 1.0 if direction == "max" else -1.0
    if min(sign * value for value in first.seeds.values()) <= max(sign * value for value in second.seeds.values()):
        return 1.0
    return 1 / math.comb(len(first.seeds) + len(second.seeds), len(first.seeds))


def completely_separated(first: ArmResults, second: ArmResults, comparisons: int) -> bool:
    """Return True if `separation_p`, two-sided and corrected for `comparisons`, is significant."""
    smallest = min(separation_p(first, second, direction) for direction in ("max", "min"))
    return 2 * comparisons * smallest < SIGNIFICANT


def num_pairs(arms: int) -> int:
    """Return the number of pairs among `arms` arms, at least one."""
    return max(1, arms * (arms - 1) // 2)


def bonferroni_confidence(comparisons: float, confidence: float = CONFIDENCE) -> float:
    """Return the confidence level of each of `comparisons` simultaneous intervals (Bonferroni).

    Such an interval excludes zero if and only if the p-value times `comparisons` is below 1 - `confidence`.
    """
    return 1 - (1 - confidence) / comparisons if comparisons > 1 else confidence
