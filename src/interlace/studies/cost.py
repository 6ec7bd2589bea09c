"""An estimate of the time that the remaining runs of a study take, from finished runs."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """Seconds of training left: the sum over all runs, and wall-clock time with `jobs` runs at a time.

    `guessed`: number of the `runs` left whose arm has no finished run; they count with the mean of the other arms.
    """

    compute_seconds: float
    wall_seconds: float
    jobs: int
    runs: int
    guessed: int

    @property
    def words(self) -> str:
        """The estimate as text: "about 3.2 hours of compute left, 1.7 hours with 2 runs at a time"."""
        text = f"about {duration(self.compute_seconds)} of compute left"
        if self.jobs > 1:
            text += f", {duration(self.wall_seconds)} with {self.jobs} runs at a time"
        if self.guessed:
            text += f"; {self.guessed} of {self.runs} runs are of arms without a finished run, taken as average"
        return text


def estimate(left: Sequence[str], seconds: Mapping[str, float], jobs: int) -> Estimate | None:
    """The time for the runs of the arms in `left`, started in this order as one of `jobs` slots becomes free.

    `seconds`: mean duration of a run, by arm. None when no run has finished or none is left.
    """
    if not seconds or not left:
        return None
    average = sum(seconds.values()) / len(seconds)
    costs = [seconds.get(arm, average) for arm in left]
    slots = [0.0] * max(1, min(jobs, len(costs)))
    for cost in costs:
        heapq.heapreplace(slots, slots[0] + cost)
    guessed = sum(arm not in seconds for arm in left)
    return Estimate(sum(costs), max(slots), jobs, len(costs), guessed)


def duration(seconds: float) -> str:
    """A duration as text: "40 seconds", "12 minutes", "3.4 hours" or "2.5 days"."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
