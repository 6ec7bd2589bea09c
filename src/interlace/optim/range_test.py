"""Learning-rate range test (Smith 2017): a short training with a growing rate."""

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from interlace.errors import UserError

SMOOTHING = 0.98  # of the loss, as in fast.ai's learning-rate finder
DIVERGENCE = 4.0  # the test ends when the smoothed loss exceeds its minimum by this factor
TAIL = 5  # last points, distorted by the divergence, which are ignored


@dataclass(frozen=True)
class RangeTestResult:
    """Curve of a range test, one entry per update.

    `losses` are smoothed. `valley`, the suggested rate, is in the middle of the longest decrease (fast.ai's default).
    `steepest` is the rate of the steepest decrease over the logarithm of the rate, which is noisy in short tests;
    `minimum` the rate of the smallest loss, which is too high for training. The first tenth of the steps and the last
    five are ignored.
    """

    rates: list[float]
    raw_losses: list[float]
    losses: list[float]
    valley: float
    steepest: float
    minimum: float


class RangeTest:
    """State of a range test with `num_steps` rates in equal ratios from `lowest` to `highest`."""

    def __init__(self, *, lowest: float, highest: float, num_steps: int) -> None:
        if not 0 < lowest < highest:
            raise UserError(f"range test: got rates from {lowest} to {highest}; expected 0 < lowest < highest")
        if num_steps < 20:
            raise UserError(f"range test: {num_steps} steps are too few; expected 20 or more")
        self.lowest, self.highest, self.num_steps = lowest, highest, num_steps
        self.raw: list[float] = []
        self.smooth: list[float] = []
        self._average = 0.0

    def rate(self, step: int) -> float:
        """Return the learning rate of update `step`, counted from 0."""
        return float(self.lowest * (self.highest / self.lowest) ** (step / (self.num_steps - 1)))

    def set_rate(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Set the rate of the first group, and those of the others with the same ratios."""
        groups = optimizer.param_groups
        first = groups[0].setdefault("initial_lr", groups[0]["lr"])
        for group in groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * self.rate(step) / first

    def record(self, loss: float) -> bool:
        """Add the loss before the update at the next rate; return False when the test is over."""
        self._average = SMOOTHING * self._average + (1 - SMOOTHING) * loss
        smooth = self._average / (1 - SMOOTHING ** (len(self.raw) + 1))
        if not math.isfinite(smooth):
            return False
        self.raw.append(loss)
        self.smooth.append(smooth)
        diverged = len(self.raw) > 1 and smooth > DIVERGENCE * min(self.smooth)
        return not diverged and len(self.raw) < self.num_steps

    def result(self) -> RangeTestResult:
        """Return the result. Raises UserError when the curve is too short."""
        first, last = self.num_steps // 10, len(self.raw) - TAIL
        if last - first < 3:
            raise UserError(
                f"range test: the loss diverged after {len(self.raw)} steps, at a rate of "
                f"{self.rate(len(self.raw)):.2g}; start from a lower rate"
            )
        rates = [self.rate(step) for step in range(len(self.raw))]
        losses = np.asarray(self.smooth[first:last])
        slopes = np.gradient(losses, np.log(rates[first:last]))
        return RangeTestResult(
            rates=rates,
            raw_losses=self.raw,
            losses=self.smooth,
            valley=rates[first + valley(self.smooth[first:last])],
            steepest=rates[first + int(slopes.argmin())],
            minimum=rates[first + int(losses.argmin())],
        )


def valley(losses: Sequence[float]) -> int:
    """Return the index in the middle of the longest decrease, given by a longest decreasing subsequence of the losses.

    As in fast.ai, the decrease is taken to end with the subsequence and to have as many points as it.
    """
    lengths = [1] * len(losses)
    for i, loss in enumerate(losses):
        lengths[i] += max((lengths[j] for j in range(i) if losses[j] > loss), default=0)
    end = int(np.argmax(lengths))
    start = max(0, end - lengths[end])
    return (start + end) // 2


def find_learning_rate(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_of: Callable[[Any], Tensor],
    batches: Iterable[Any],
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    num_steps: int = 100,
) -> RangeTestResult:
    """Run a range test in a plain loop; `loss_of(batch)` runs the module. Batches are repeated when they end.

    Parameters, buffers, gradients, optimizer and random state are restored afterwards, also after an error.
    """
    test = RangeTest(lowest=lowest, highest=highest, num_steps=num_steps)
    tensors = [*module.parameters(), *module.buffers()]
    before = [t.detach().clone() for t in tensors]
    gradients = [p.grad for p in module.parameters()]
    rates = [(group["lr"], group.get("initial_lr")) for group in optimizer.param_groups]
    state = copy.deepcopy(optimizer.state_dict())
    devices = {t.device for t in tensors if t.device.type == "cuda"}
    try:
        with torch.random.fork_rng(devices=[d.index for d in devices]):
            for step, batch in enumerate(itertools.islice(_endless(batches), num_steps)):
                test.set_rate(optimizer, step)
                optimizer.zero_grad(set_to_none=True)
                loss = loss_of(batch)
                if not test.record(float(loss.detach())):
                    break
                loss.backward()
                optimizer.step()
    finally:
        with torch.no_grad():
            for t, value in zip(tensors, before, strict=True):
                t.copy_(value)
        for p, gradient in zip(module.parameters(), gradients, strict=True):
            p.grad = gradient
        optimizer.load_state_dict(state)
        for group, (rate, initial) in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
            if initial is None:
                group.pop("initial_lr", None)
    return test.result()


def _endless(batches: Iterable[Any]) -> Iterable[Any]:
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise UserError("range test: got no batches; give training data")
