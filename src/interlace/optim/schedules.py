"""Learning-rate schedules in closed form: the multiplier depends only on the step, so resuming is exact.

`schedule(step)` is the multiplier of the optimizer's learning rate at the update after `step` earlier ones.
"""

import math
from typing import Annotated, Literal

from pydantic import Field

from interlace.errors import UserError

Fraction = Annotated[float, Field(ge=0, le=1)]


class Schedule:
    """Linear warm-up over `warmup_fraction` of the updates, then `decay` of the remaining progress in [0, 1]."""

    def __init__(self, *, num_steps: int, warmup_fraction: Fraction) -> None:
        self.num_steps = num_steps
        self.warmup = round(warmup_fraction * num_steps)

    def __call__(self, step: int) -> float:
        if step < self.warmup:
            return (step + 1) / (self.warmup + 1)
        return self.decay(min(1.0, (step - self.warmup) / max(1, self.num_steps - self.warmup)))

    def decay(self, progress: float) -> float:
        """Return the multiplier after warm-up; `progress` goes from 0 to 1."""
        raise NotImplementedError


class Constant(Schedule):
    """Constant multiplier 1 after warm-up."""

    def __init__(self, *, num_steps: int, warmup_fraction: Fraction) -> None:
        super().__init__(num_steps=num_steps, warmup_fraction=warmup_fraction)

    def decay(self, progress: float) -> float:
        return 1.0


class WarmupLinear(Schedule):
    """Linear decay from 1 to `final_fraction`."""

    def __init__(self, *, num_steps: int, warmup_fraction: Fraction, final_fraction: Fraction) -> None:
        super().__init__(num_steps=num_steps, warmup_fraction=warmup_fraction)
        self.final = final_fraction

    def decay(self, progress: float) -> float:
        return 1.0 - (1.0 - self.final) * progress


class WarmupCosine(Schedule):
    """Cosine decay from 1 to `final_fraction` (Loshchilov and Hutter 2017, equation 5, without restarts)."""

    def __init__(self, *, num_steps: int, warmup_fraction: Fraction, final_fraction: Fraction) -> None:
        super().__init__(num_steps=num_steps, warmup_fraction=warmup_fraction)
        self.final = final_fraction

    def decay(self, progress: float) -> float:
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + math.cos(math.pi * progress))


class WarmupStableDecay(Schedule):
    """Multiplier 1 until the last `decay_fraction` of the updates, then decay to `final_fraction` (WSD: Hu et al. 2024,
    eq. 1).

    With x from 0 to 1 over the decay, the multiplier is final + (1 - final) (1 - x) for "linear" and with 1 - sqrt(x)
    for "one_minus_sqrt" (Hägele et al. 2024, section 3.1, where the latter is best). Training can continue from a
    checkpoint of the stable phase to any length, since the multiplier there does not depend on the number of updates.
    """

    def __init__(
        self,
        *,
        num_steps: int,
        warmup_fraction: Fraction,
        decay_fraction: Fraction,
        shape: Literal["linear", "one_minus_sqrt"],
        final_fraction: Fraction,
    ) -> None:
        if warmup_fraction + decay_fraction > 1:
            raise UserError(
                f"scheduler: warmup_fraction {warmup_fraction} plus decay_fraction {decay_fraction} exceeds the "
                "whole run; their sum must be at most 1"
            )
        super().__init__(num_steps=num_steps, warmup_fraction=warmup_fraction)
        self.decay_start = num_steps - round(decay_fraction * num_steps)
        self.shape = shape
        self.final = final_fraction

    def __call__(self, step: int) -> float:
        if step < max(self.warmup, self.decay_start):
            return super().__call__(step)
        x = min(1.0, (step - self.decay_start) / max(1, self.num_steps - self.decay_start))
        return self.final + (1.0 - self.final) * (1.0 - (x if self.shape == "linear" else math.sqrt(x)))

    def decay(self, progress: float) -> float:
        return 1.0


class InverseSquareRoot(Schedule):
    """Multiplier sqrt(k / t) at the t-th update for t > k (Vaswani et al. 2017, eq. 3; T5: Raffel et al. 2020).

    k is `timescale_fraction` of the updates; before that the multiplier is 1 (T5: k = 10^4 of 2^19 updates), after the
    linear warm-up. null: k is the end of warm-up, the schedule of Vaswani et al.
    """

    def __init__(self, *, num_steps: int, warmup_fraction: Fraction, timescale_fraction: Fraction | None) -> None:
        super().__init__(num_steps=num_steps, warmup_fraction=warmup_fraction)
        self.timescale = self.warmup + 1
        if timescale_fraction is not None:
            self.timescale = max(1, round(timescale_fraction * num_steps))

    def __call__(self, step: int) -> float:
        warmup = min(1.0, (step + 1) / (self.warmup + 1))
        return min(warmup, math.sqrt(self.timescale / max(self.timescale, step + 1)))
