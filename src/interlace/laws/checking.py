"""Laws, cases to check them on, and results."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from interlace.errors import one_line

Case = TypeVar("Case")


class BrokenLawError(Exception):
    """A component breaks a law; the message names the place and the size of the difference."""


@dataclass(frozen=True)
class Law(Generic[Case]):
    """A property of a kind of component: `check(case)` raises BrokenLawError if it does not hold."""

    name: str
    meaning: str
    check: Callable[[Case], None]


@dataclass(frozen=True)
class LawResult:
    """The result of a law for a component: `reason` is None if the law holds in every case."""

    law: str
    reason: str | None


def law(check: Callable[[Case], None]) -> Law[Case]:
    """Return a function as a law: its name in words, and the first paragraph of its docstring as the meaning."""
    meaning = " ".join((check.__doc__ or "").split("\n\n")[0].split())
    return Law(check.__name__.replace("_", " "), meaning, check)


def check_laws(laws: Sequence[Law[Case]], cases: Sequence[tuple[str, Case]]) -> Iterable[LawResult]:
    """Yield the result of each law over named cases; the reason is that of the first case that breaks it.

    An error raised by the component breaks the law.
    """
    for each in laws:
        reason = None
        for name, case in cases:
            try:
                each.check(case)
            except BrokenLawError as broken:
                reason = f"{name}: {broken}"
            except Exception as error:
                reason = f"{name}: it raises {one_line(error)}"
            if reason is not None:
                break
        yield LawResult(each.name, reason)


def require(condition: bool, reason: str) -> None:
    """Raise BrokenLawError unless the condition holds."""
    if not condition:
        raise BrokenLawError(reason)


def require_equal_shape(what: str, found: Sequence[int], expected: Sequence[int]) -> None:
    """Raise BrokenLawError for another shape."""
    require(tuple(found) == tuple(expected), f"{what} has the shape {tuple(found)}, expected {tuple(expected)}")


def require_close(what: str, found: Tensor, expected: Tensor, rtol: float, atol: float) -> None:
    """Raise BrokenLawError unless |found - expected| <= atol + rtol |expected| everywhere, without NaN."""
    require_equal_shape(what, found.shape, expected.shape)
    found, expected = found.detach().double(), expected.detach().double()
    require(bool(torch.isfinite(found).all()), f"{what} is not finite")
    difference = (found - expected).abs()
    if not bool((difference <= atol + rtol * expected.abs()).all()):
        raise BrokenLawError(f"{what} differs by up to {difference.max().item():.3g}")


def require_finite_gradients(module: torch.nn.Module) -> None:
    """Raise BrokenLawError for a parameter whose gradient is not finite."""
    for name, parameter in module.named_parameters():
        if parameter.grad is not None:
            require(bool(parameter.grad.isfinite().all()), f"the gradient of {name} is not finite")


def weighed(x: Tensor) -> Tensor:
    """Return a weighted sum as a loss; a plain sum is constant after a LayerNorm and has no gradient."""
    return (x * torch.randn(x.shape, generator=torch.Generator().manual_seed(2)).to(x.dtype)).sum()
