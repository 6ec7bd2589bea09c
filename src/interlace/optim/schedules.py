"""Learning-rate schedules in closed form: the multiplier is a function of the step alone, so resuming is exact.

`schedule(step)` multiplies the optimizer's learning rate at the update that follows `step` earlier ones.
"""

import math
from typing import Annotated

from pydantic import Field

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
