"""Weights of gradient blending."""

import math
from collections.abc import Mapping
from typing import NamedTuple


class Losses(NamedTuple):
    """Mean loss of one head on training and on validation data at one time."""

    train: float
    validation: float


class Change(NamedTuple):
    """Effect of training a head for some epochs: generalisation G, the decrease of its validation loss, and
    overfitting O, the increase of validation loss minus training loss (Wang et al. 2020, section 3.1)."""

    generalisation: float
    overfitting: float

    @property
    def is_finite(self) -> bool:
        """True if the losses before and after were finite."""
        return math.isfinite(self.generalisation) and math.isfinite(self.overfitting)


def change(before: Losses, after: Losses) -> Change:
    """Return G = V_N - V_{N+n} and O = (V_{N+n} - T_{N+n}) - (V_N - T_N)."""
    return Change(
        before.validation - after.validation,
        (after.validation - after.train) - (before.validation - before.train),
    )


def blend(changes: Mapping[str, Change], overfitting_floor: float) -> dict[str, float] | None:
    """Return the weights w_k = (G_k / O_k^2) / Z with sum_k w_k = 1 (Wang et al. 2020, equation 4), which are optimal
    for unit-variance noise of uncorrelated gradients; None when no head generalised.

    A head that did not generalise (G <= 0) gets the weight 0, since a negative weight would reverse its gradient, and
    so does one whose trial did not stay finite; |O| counts as at least `overfitting_floor`, since a head that hardly
    overfits in the short trial would get all the weight. The paper has none of these three rules; its formula is
    undefined in these cases.
    """
    shares = {
        name: max(each.generalisation, 0.0) / max(abs(each.overfitting), overfitting_floor) ** 2
        if each.is_finite
        else 0.0
        for name, each in changes.items()
    }
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()} if total > 0 else None
