"""Which of many arms is the best, when the one to be named is picked by its mean."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from interlace.statistics.contrasts import Contrast, Measured, contrast
from interlace.statistics.corrections import holm
from interlace.statistics.intervals import CONFIDENCE, UNBOUNDED, Interval
from interlace.statistics.plateaus import Plateaus, find_plateaus

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Rival:
    """The leader against another arm.

    `p_adjusted` is Holm's over all pairs of arms, any of which could have led; NaN below three shared seeds. `ranks_p`
    is 0 where no seeds fall on plateaus, else `separation_p` of the two, and `ranks_adjusted` that for all rivals.
    """

    contrast: Contrast
    ahead: bool
    p_adjusted: float
    ranks_p: float
    ranks_adjusted: float

    @property
    def beaten(self) -> bool:
        """By tests of its own, which are what a winner must pass against every rival."""
        return self.ahead and self.contrast.p_value < SIGNIFICANT and self.ranks_p < SIGNIFICANT

    @property
    def separated(self) -> bool:
        """By tests that allow for the choice of the leader and for all pairs."""
        return self.ahead and self.p_adjusted < SIGNIFICANT and self.ranks_adjusted < SIGNIFICANT


@dataclass(frozen=True)
class Verdict:
    """The arm with the best mean, its rivals in order, and the arms whose seeds fall on plateaus."""

    leader: str
    rivals: Mapping[str, Rival]
    plateaus: Mapping[str, Plateaus]

    @cached_property
    def wins(self) -> bool:
        """Whether the leader is better than every other arm.

        Each comparison is made at 5% without correction: a false winner must pass all, and the worst case is that of
        two arms that are equally the best (Berger 1982; Gupta's and Hsu's least favourable configuration).
        """
        return bool(self.rivals) and all(rival.beaten for rival in self.rivals.values())

    @property
    def level(self) -> list[str]:
        """The rivals that are not told from the leader; none where it wins."""
        return [] if self.wins else [name for name, rival in self.rivals.items() if not rival.separated]

    def equivalent(self, margin: float) -> list[str]:
        """The rivals whose difference from the leader lies within ±margin by two one-sided tests (Schuirmann 1987).

        At 5% after Bonferroni's correction over all pairs; without a margin there is no such statement.
        """
        confidence = 1 - 2 * SIGNIFICANT / pairs(len(self.rivals) + 1)
        found = []
        for name, rival in self.rivals.items():
            low, high = rival.contrast.interval(confidence)
            if -margin < low and high < margin and not {self.leader, name} & set(self.plateaus):
                found.append(name)
        return found


def judge(
    arms: Mapping[str, Measured], direction: str, *, resolution: float = 0.0, bounds: Interval = UNBOUNDED
) -> Verdict | None:
    """The verdict over arms with at least one figure; "max" or "min" says which figures are better. None without any.

    `resolution` is the least step of a figure, and `bounds` the range of the metric.
    """
    sign = 1.0 if direction == "max" else -1.0
    means = {name: sign * sum(arm.seeds.values()) / len(arm.seeds) for name, arm in arms.items() if arm.seeds}
    if not means:
        return None
    order = sorted(means, key=lambda name: -means[name])
    leader, others = order[0], order[1:]
    width = bounds[1] - bounds[0]
    plateaus = {
        name: found
        for name in order
        if (found := find_plateaus(arms[name].seeds, width if math.isfinite(width) else None)) is not None
    }
    contrasts = {name: contrast(arms[leader], arms[name], resolution) for name in others}
    adjusted = holm([each.p_value for each in contrasts.values()], pairs(len(order)))
    rivals = {}
    for name, p_adjusted in zip(others, adjusted, strict=True):
        ranks_p = separation_p(arms[leader], arms[name], direction) if plateaus else 0.0
        ahead = sign * contrasts[name].difference > 0
        rivals[name] = Rival(contrasts[name], ahead, p_adjusted, ranks_p, min(1.0, ranks_p * len(others)))
    return Verdict(leader, rivals, plateaus)


def separation_p(mine: Measured, theirs: Measured, direction: str) -> float:
    """How often chance puts every seed of the one above every seed of the other, 1 / C(2n, n); 1 where they overlap.

    One-sided, and asked for as well where the seeds of any arm of a study are seen to fall on plateaus: then an arm
    may have met one plateau only, with hardly any spread, and the t-test takes that for certainty.
    """
    sign = 1.0 if direction == "max" else -1.0
    if min(sign * value for value in mine.seeds.values()) <= max(sign * value for value in theirs.seeds.values()):
        return 1.0
    return 1 / math.comb(len(mine.seeds) + len(theirs.seeds), len(mine.seeds))


def separated(mine: Measured, theirs: Measured, comparisons: int) -> bool:
    """Whether `separation_p` tells two arms apart in either direction, as one of so many comparisons."""
    least = min(separation_p(mine, theirs, direction) for direction in ("max", "min"))
    return 2 * comparisons * least < SIGNIFICANT


def pairs(arms: int) -> int:
    """How many comparisons of two there are among so many arms, at least one."""
    return max(1, arms * (arms - 1) // 2)


def simultaneous(comparisons: float, confidence: float = CONFIDENCE) -> float:
    """The confidence of an interval that is corrected as a p is that was multiplied by `comparisons`.

    It excludes zero where the corrected p is below 1 - `confidence`.
    """
    return 1 - (1 - confidence) / comparisons if comparisons > 1 else confidence
