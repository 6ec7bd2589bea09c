"""Search for the integer option (a width) at which the cost of the built model is nearest to a target."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlace.errors import UserError

LARGEST = 1 << 16
Values = dict[str, Any]
Cost = Callable[[Values], int]


@dataclass(frozen=True)
class Fit:
    """Options and their cost; `miss` is the relative difference from the target, cost / target - 1."""

    values: Values
    cost: int
    miss: float


def nearest_fit(
    cost: Cost,
    target: int,
    *,
    width: str,
    step: Callable[[Values], int],
    fine: Mapping[str, Sequence[Any]],
    allowed: float,
) -> Fit:
    """The value of option `width` that brings `cost(options)` nearest to `target`.

    Candidates are the multiples of `step(options)`, such as the number of heads, found by bisection. Where the nearest
    misses by more than `allowed`, the search is repeated with each combination of the options in `fine`, in order; the
    first within `allowed` is returned, else the nearest of all. The cost must not fall with the width. Deterministic.
    Raises UserError when the option does not change the cost.
    """
    best: Fit | None = None
    for extra in combinations(fine):
        found = _nearest_width(cost, target, width, step(extra), extra)
        if abs(found.miss) <= allowed:
            return found
        if best is None or abs(found.miss) < abs(best.miss):
            best = found
    assert best is not None
    return best


def combinations(fine: Mapping[str, Sequence[Any]]) -> Iterator[Values]:
    """The empty combination, then each one of `fine`; the last option varies fastest."""
    yield {}
    if fine:
        for values in itertools.product(*fine.values()):
            yield dict(zip(fine, values, strict=True))


def _nearest_width(cost: Cost, target: int, width: str, step: int, extra: Values) -> Fit:
    known: dict[int, int] = {}

    def at(count: int) -> int:
        if count not in known:
            known[count] = cost({**extra, width: count * step})
        return known[count]

    low, high = 1, 2
    if at(low) == at(high):
        raise UserError(f"{width} does not change the cost; name another option, or leave the arm out")
    while at(high) < target:
        low, high = high, 2 * high
        if high * step > LARGEST:
            break
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle) <= target else (low, middle)
    count = min((low, high), key=lambda each: (abs(at(each) - target), each))
    return Fit({**extra, width: count * step}, at(count), at(count) / target - 1)
