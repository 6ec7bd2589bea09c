"""False positive rates and coverage of the report's statistics in simulated studies with known truth."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from interlace.bench.scenarios import SCENARIOS, Scenario
from interlace.statistics.best import SIGNIFICANT, bonferroni_confidence, compare_with_best, completely_separated
from interlace.statistics.contrasts import ArmResults, contrast
from interlace.statistics.corrections import holm
from interlace.statistics.intervals import mean_interval
from interlace.statistics.ranks import block_ranks, rank_test

ARMS, SEEDS = (2, 3, 5, 10, 20), (3, 5, 10)
SHIFTS = {"all equal": 0.0, "one better": 4.0}  # standard deviations of a seed
RANK_BLOCKS = (4, 6, 10, 30)
RANK_DRAWS = 1000
CLAIMS = ("wins", "leader", "baseline", "control")  # claims about arms, each false in at most 5% of studies


@dataclass(frozen=True)
class Cell:
    """Rate of false claims (or of coverage) of a procedure in `repeats` studies of k arms on n seeds (or blocks)."""

    procedure: str
    scenario: str
    truth: str
    k: int
    n: int
    repeats: int
    rate: float
    power: float | None = None

    @property
    def error(self) -> float:
        """Two standard errors of a rate of 5% by simulation."""
        return 2 * float(np.sqrt(SIGNIFICANT * (1 - SIGNIFICANT) / max(1, self.repeats)))

    @property
    def exceeds(self) -> bool:
        """True if the rate of false claims exceeds 5% by more than the simulation error."""
        return self.truth != "coverage" and self.rate > SIGNIFICANT + self.error


def simulate(repeats: int, tell: Callable[[str], None] = lambda text: None) -> Iterator[Cell]:
    """Yield every cell, scenario by scenario."""
    for name, scenario in SCENARIOS.items():
        tell(scenario.about)
        for truth, k, n in itertools.product(SHIFTS, ARMS, SEEDS):
            yield from _claims(name, scenario, truth, (k, n), repeats)
        yield from _coverage(name, scenario, repeats)
    tell("mean ranks")
    for k, blocks in itertools.product(ARMS, RANK_BLOCKS):
        yield _ranks(k, blocks, max(1, repeats // 4))


def _claims(name: str, scenario: Scenario, truth: str, size: tuple[int, int], repeats: int) -> Iterator[Cell]:
    """Compare the claims of headline and table with the truth in each study."""
    rng = np.random.default_rng([len(name), *name.encode(), *size])
    best = "0" if SHIFTS[truth] else None
    false, right = dict.fromkeys(CLAIMS, 0), 0
    for _ in range(repeats):
        arms = scenario.draw(rng, *size, SHIFTS[truth])
        said = said_of(arms, scenario)
        for claim, names in said.items():
            false[claim] += any(pair != best for pair in names) if claim != "control" else bool(names)
        right += said["wins"] == [best]
    for claim in CLAIMS:
        if claim == "control" and best is not None:
            continue  # a claim about the control is not false if an arm is better
        power = right / repeats if claim == "wins" and best is not None else None
        yield Cell(claim, name, truth, *size, repeats, false[claim] / repeats, power)


def said_of(arms: dict[str, ArmResults], scenario: Scenario) -> dict[str, list[str]]:
    """Return claim -> arms claimed to be better than another: as winner, as best arm that is significantly better than
    some other, than the baseline (the last arm), and as control (the last arm) better than the best of the others.
    """
    verdict = compare_with_best(arms, "max", resolution=scenario.resolution, bounds=scenario.bounds)
    assert verdict is not None
    told = [name for name, other in verdict.others.items() if other.is_significant_adjusted]
    mixed = bool(verdict.bimodal)
    return {
        "wins": [verdict.best] if verdict.wins else [],
        "leader": [verdict.best] if told else [],
        "baseline": _against_baseline(arms, scenario.resolution, mixed),
        "control": _against_control(arms, scenario.resolution, mixed),
    }


def _against_baseline(arms: dict[str, ArmResults], resolution: float, mixed: bool) -> list[str]:
    baseline, others = arms[list(arms)[-1]], list(arms)[:-1]
    found = {name: contrast(arms[name], baseline, resolution) for name in others}
    claimed = []
    for (name, each), p in zip(found.items(), holm([each.p_value for each in found.values()]), strict=True):
        if p < SIGNIFICANT and (not mixed or completely_separated(arms[name], baseline, len(others))):
            claimed.append(name if each.difference > 0 else list(arms)[-1])
    return claimed


def _against_control(arms: dict[str, ArmResults], resolution: float, mixed: bool) -> list[str]:
    control, contenders = list(arms)[-1], list(arms)[:-1]
    leader = max(contenders, key=lambda name: sum(arms[name].seeds.values()))
    told = contrast(arms[control], arms[leader], resolution).p_value * len(contenders) < SIGNIFICANT
    return [control] if told and (not mixed or completely_separated(arms[control], arms[leader], 1)) else []


def _coverage(name: str, scenario: Scenario, repeats: int) -> Iterator[Cell]:
    """Measure the coverage of intervals: of an arm's mean, and of the difference of the best two of five equal arms."""
    for n in SEEDS:
        rng = np.random.default_rng([1, *name.encode(), n])
        mean = lead = told = 0
        for _ in range(repeats):
            arms = scenario.draw(rng, 5, n, 0.0)
            if not any(arm.items for arm in arms.values()):  # an interval over seeds says nothing of other items
                low, high = mean_interval(list(arms["1"].seeds.values()), scenario.bounds)
                told += bool(np.isfinite(low))
                mean += low <= scenario.mean <= high
            verdict = compare_with_best(arms, "max", resolution=scenario.resolution, bounds=scenario.bounds)
            assert verdict is not None
            rival = next(iter(verdict.others.values()))
            adjusted = rival.contrast.p_value if verdict.wins else rival.p_adjusted
            factor = adjusted / rival.contrast.p_value if rival.contrast.p_value > 0 else 1.0
            low, high = rival.contrast.interval(bonferroni_confidence(factor), scenario.bounds)
            lead += low <= 0 <= high
        if told:
            yield Cell("interval of a mean", name, "coverage", 1, n, told, mean / told)
        yield Cell("interval of the lead", name, "coverage", 5, n, repeats, lead / repeats)


def _ranks(k: int, blocks: int, repeats: int) -> Cell:
    """Measure how often the mean ranks over blocks of two of k equal arms differ significantly."""
    rng = np.random.default_rng([2, k, blocks])
    false = 0
    for _ in range(repeats):
        values = rng.normal(size=(k, blocks))
        critical = rank_test(values, draws=RANK_DRAWS).critical_difference
        false += bool(np.ptp(block_ranks(values).mean(axis=1)) >= critical - 1e-9)
    return Cell("mean ranks", "normal", "all equal", k, blocks, repeats, false / repeats)


def told(cells: Sequence[Cell], repeats: int, command: Sequence[str]) -> dict[str, Any]:
    """Return all cells as plain data."""
    return {
        "command": ["interlace", *command],
        "repeats": repeats,
        "versions": {name: version(name) for name in ("numpy", "scipy")},
        "scenarios": {name: scenario.about for name, scenario in SCENARIOS.items()},
        "cells": [asdict(cell) for cell in cells],
    }
