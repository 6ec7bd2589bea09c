"""Search for the largest batch size that fits in memory and the smallest one at full speed."""

from collections.abc import Callable
from dataclasses import dataclass

from interlace.errors import UserError

FULL_SPEED = 0.95  # fraction of the best rate that counts as full speed


@dataclass(frozen=True)
class BatchSizeTrial:
    """Measurement of a few updates with one batch size. If it did not fit, rate and step time are None."""

    batch_size: int
    fits: bool
    examples_per_second: float | None
    step_ms: float | None
    peak_memory_mb: float | None


@dataclass(frozen=True)
class BatchSizeResult:
    """All trials in order of size, the `largest` that fits, and the smallest within 5% of the best rate (`fastest`)."""

    trials: list[BatchSizeTrial]
    largest: int
    fastest: int


def find_batch_size(
    attempt: Callable[[int], BatchSizeTrial],
    *,
    start: int,
    limit: int,
    baseline_memory_mb: float,
    memory_limit_mb: float | None,
) -> BatchSizeResult:
    """Double the size from `start` to `limit` while it fits, then bisect towards the first size that did not, twice.

    `attempt` must handle running out of memory (`fits=False`). On CPUs, where that would end the process, trials whose
    predicted memory exceeds `memory_limit_mb` are not attempted: memory grows as a + b size, so that the next peak is
    predicted from earlier peaks, the first of which is `baseline_memory_mb`, used before any trial. Raises UserError
    when not even `start` fits.
    """
    trials: list[BatchSizeTrial] = []
    peaks = {0: baseline_memory_mb}

    def fits(size: int) -> bool:
        trial = BatchSizeTrial(size, False, None, None, None)
        if memory_limit_mb is None or predicted_memory_mb(peaks, size) <= memory_limit_mb:
            trial = attempt(size)
        trials.append(trial)
        if trial.fits and trial.peak_memory_mb is not None:
            peaks[size] = trial.peak_memory_mb
        return trial.fits

    size, good, bad = start, 0, None
    while size <= limit:
        if not fits(size):
            bad = size
            break
        good, size = size, size * 2
    if not good:
        raise UserError(
            f"batch size: {start} examples do not fit in memory; start from a smaller batch or use a smaller model"
        )
    for _ in range(2):
        if bad is not None and bad - good > 1:
            middle = (good + bad) // 2
            good, bad = (middle, bad) if fits(middle) else (good, middle)
    rates = {t.batch_size: t.examples_per_second for t in trials if t.examples_per_second is not None}
    fastest = min(size for size, rate in rates.items() if rate >= FULL_SPEED * max(rates.values()))
    return BatchSizeResult(sorted(trials, key=lambda t: t.batch_size), good, fastest)


def predicted_memory_mb(peaks: dict[int, float], size: int) -> float:
    """Extrapolate the peak at `size` linearly from the last two known sizes; with one size, return its peak."""
    if len(peaks) < 2:
        return max(peaks.values())
    (lower, low), (upper, high) = sorted(peaks.items())[-2:]
    slope = max(0.0, (high - low) / (upper - lower))
    return high + slope * (size - upper)
