"""Learning-rate schedules in closed form: the multiplier is a function of the step alone, so resuming is exact.

`schedule(step)` multiplies the optimizer's learning rate at the update that follows `step` earlier ones.
"""

import math
from typing import Annotated, Literal

from pydantic import Field

from interlace.errors import UserError

Fraction = Annotated[float, Field(ge=0, le=1)]


class Schedule:
    """Linear warm-up over `warmup_fraction` of the updates, then `decay` of the remaining way in [0, 1]."""

    def __init__(self, *, num_steps: int, warmup_fraction: Fraction) -> None:
        self.num_steps = num_steps
        self.warmup = round(warmup_fraction * num_steps)

    def __call__(self, step: int) -> float:
        if step < self.warmup:
            return (step + 1) / (self.warmup + 1)
        return self.decay(min(1.0, (step - self.warmup) / max(1, self.num_steps - self.warmup)))

    def decay(self, way: float) -> float:
        """The multiplier after warm-up; `way` runs from 0 to 1."""
        raise NotImplementedError


class Constant(Schedule):
    """1 after warm-up."""

    def __init__(self, *, num_steps: int, warmup_fraction: Fraction) -> None:
        super().__init__(num_steps=num_steps, warmup_fraction=warmup_fraction)

    def decay(self, way: float) -> float:
        return 1.0


class WarmupLinear(Schedule):
    """A straight line from 1 to `final_fraction`."""

    def __init__(self, *, num_steps: int, warmup_fraction: Fraction, final_fraction: Fraction) -> None:
        super().__init__(num_steps=num_steps, warmup_fraction=warmup_fraction)
        self.final = final_fraction

    def decay(self, way: float) -> float:
        return 1.0 - (1.0 - self.final) * way


class WarmupCosine(Schedule):
    """Half a cosine from 1 to `final_fraction` (Loshchilov and Hutter 2017, equation 5, without restarts)."""

    def __init__(self, *, num_steps: int, warmup_fraction: Fraction, final_fraction: Fraction) -> None:
        super().__init__(num_steps=num_steps, warmup_fraction=warmup_fraction)
        self.final = final_fraction

    def decay(self, way: float) -> float:
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + math.cos(math.pi * way))


class WarmupStableDecay(Schedule):
    """1 until the last `decay_fraction` of the updates, then down to `final_fraction` (WSD: Hu et al. 2024, eq. 1).

    With x from 0 to 1 over the decay, "linear" leaves 1 - x and "one_minus_sqrt" leaves 1 - sqrt(x) of the way
    (Hägele et al. 2024, section 3.1, where the latter does best). A checkpoint from the stable phase can go on to any
    length, as nothing there depends on the number of updates.
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
                f"schedule: warmup_fraction {warmup_fraction} and decay_fraction {decay_fraction} are more than the "
                "whole run; make their sum at most 1"
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

    def decay(self, way: float) -> float:
        return 1.0


class InverseSquareRoot(Schedule):
    """1 / sqrt(t) of the t-th update, scaled to reach 1 at t = k (Vaswani et al. 2017, eq. 3; T5: Raffel et al. 2020).

    k is `timescale_fraction` of the updates; until then the multiplier is 1 (T5: k of 2^19 updates is 10^4), after the
    linear warm-up. With null k is the end of warm-up, which is the curve of Vaswani et al.
    """

    def __init__(self, *, num_steps: int, warmup_fraction: Fraction, timescale_fraction: Fraction | None) -> None:
        super().__init__(num_steps=num_steps, warmup_fraction=warmup_fraction)
        self.timescale = self.warmup + 1
        if timescale_fraction is not None:
            self.timescale = max(1, round(timescale_fraction * num_steps))

    def __call__(self, step: int) -> float:
        warmup = min(1.0, (step + 1) / (self.warmup + 1))
        return min(warmup, math.sqrt(self.timescale / max(self.timescale, step + 1)))
