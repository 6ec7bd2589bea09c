"""Growth of time and FLOPs of fusion strategies with the number of modalities or tokens."""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch

from interlace.bench.measuring import reporting
from interlace.errors import UserError
from interlace.fusion.base import Fusion
from interlace.fusion.build import build
from interlace.nn.costs import count_training_flops
from interlace.tokens import Tokens

Axis = Literal["modalities", "tokens"]

STRATEGIES: dict[Axis, tuple[str, str]] = {
    "modalities": ("bottleneck", "attention"),
    "tokens": ("perceiver", "attention"),
}
WIDTH = 64  # of the tokens and of the strategies, which otherwise have the options of conf/fusion
BATCH = 4
TOKENS_EACH = 64  # tokens per modality if the number of modalities grows
LAST = 3  # points used to fit the exponent; at smaller sizes constant costs are visible


def lengths(axis: Axis, size: int) -> dict[str, int]:
    """Return the tokens of each modality: `size` modalities of 64, or two that share `size` tokens."""
    if axis == "modalities":
        return {f"m{index}": TOKENS_EACH for index in range(size)}
    return {"m0": size // 2, "m1": size - size // 2}


def step_of(name: str, num_tokens: dict[str, int]) -> tuple[Fusion, Callable[[], None]]:
    """Return a strategy with random weights, and a function for one forward and backward pass over random tokens."""
    torch.manual_seed(0)
    fusion = build(name, in_dims=dict.fromkeys(num_tokens, WIDTH), num_classes=10)
    tokens = {
        modality: Tokens(
            torch.randn(BATCH, length, WIDTH),
            torch.ones(BATCH, length, dtype=torch.bool),
            torch.ones(BATCH, dtype=torch.bool),
        )
        for modality, length in num_tokens.items()
    }

    def step() -> None:
        fusion.zero_grad(set_to_none=True)
        fusion(tokens).pooled.square().mean().backward()

    return fusion, step


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Return p of cost = c size^p, the least-squares slope through the last three points in log-log axes."""
    return float(np.polyfit(np.log(sizes[-LAST:]), np.log(costs[-LAST:]), 1)[0])


def curves(*, axis: Axis, sizes: Sequence[int], repeats: int, threads: int) -> dict[str, Any]:
    """Measure seconds and FLOPs of one forward and backward pass at each size, and their exponents, by strategy.

    A time is the minimum of `repeats` after the pass whose FLOPs are counted; the strategies alternate. FLOPs are
    counted by torch for the whole batch. Keys "<strategy> time" and "<strategy> flops" are exponents; "milliseconds",
    "flops" and "parameters" hold the points of each strategy.
    """
    if len(set(sizes)) < 2:
        raise UserError(f"--sizes {' '.join(map(str, sizes))}: a curve needs at least two sizes; give another one")
    sizes = sorted(set(sizes))
    torch.set_num_threads(threads)
    names = STRATEGIES[axis]
    told: dict[str, Any] = {"axis": axis, "sizes": sizes, "batch": BATCH, "width": WIDTH}
    points: dict[str, dict[str, list[float]]] = {
        what: {name: [] for name in names} for what in ("milliseconds", "flops", "parameters")
    }
    for size in sizes:
        steps = {}
        for name in names:
            fusion, steps[name] = step_of(name, lengths(axis, size))
            points["flops"][name].append(count_training_flops(steps[name]))
            points["parameters"][name].append(sum(p.numel() for p in fusion.parameters()))
        for name, seconds in fastest(steps, repeats).items():
            points["milliseconds"][name].append(1000 * seconds)
    for name in names:
        told[f"{name} time"] = exponent(sizes, points["milliseconds"][name])
        told[f"{name} flops"] = exponent(sizes, points["flops"][name])
    return {**told, **points}


def fastest(steps: dict[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Return the minimum seconds of each step over `repeats`; the steps are warm from the counting of FLOPs."""
    found: dict[str, float] = {}
    for _ in range(repeats):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds = time.perf_counter() - start
            found[name] = min(seconds, found.get(name, seconds))
    return found


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("axis", choices=list(STRATEGIES))
    parser.add_argument("--sizes", type=int, nargs="+", required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    given = parser.parse_args()
    with reporting() as figures:
        figures.update(curves(**vars(given)))


if __name__ == "__main__":
    main()
