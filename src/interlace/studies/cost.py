"""An estimate of the time that the remaining runs of a study take, from finished runs."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """Seconds of training left: of all runs together, and on the clock with `jobs` at a time.

    `guessed`: for how many of the `runs` left the mean of other arms stands in, as none of their own has finished.
    """

    compute_seconds: float
    wall_seconds: float
    jobs: int
    runs: int
    guessed: int

    @property
    def words(self) -> str:
        """about 3.2 hours of compute left, 1.7 hours with 2 runs at a time"""
        text = f"about {duration(self.compute_seconds)} of compute left"
        if self.jobs > 1:
            text += f", {duration(self.wall_seconds)} with {self.jobs} runs at a time"
        if self.guessed:
            text += f"; {self.guessed} of {self.runs} runs are of arms without a finished run and taken for average"
        return text


def estimate(left: Sequence[str], seconds: Mapping[str, float], jobs: int) -> Estimate | None:
    """The cost of runs that start in the order of `left` (their arms), each when a place is free; `seconds` of a run by
    arm. None when nothing has finished or nothing is left."""
    if not seconds or not left:
        return None
    average = sum(seconds.values()) / len(seconds)
    costs = [seconds.get(arm, average) for arm in left]
    places = [0.0] * max(1, min(jobs, len(costs)))
    for cost in costs:
        heapq.heapreplace(places, places[0] + cost)
    guessed = sum(arm not in seconds for arm in left)
    return Estimate(sum(costs), max(places), jobs, len(costs), guessed)


def duration(seconds: float) -> str:
    """40 seconds, 12 minutes, 3.4 hours, 2.5 days"""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
