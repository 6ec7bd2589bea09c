"""Simulated studies with known truth: metrics of k arms on n seeds, with or without scores of single test items."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interlace.statistics.contrasts import ArmResults, Items

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int, float], dict[str, ArmResults]]


@dataclass(frozen=True)
class Scenario:
    """Scenario: `draw(rng, k, n, shift)` simulates a study whose arm "0" is better by `shift` standard deviations.

    `mean` is the expected metric of every other arm, `bounds` the metric's range, `resolution` its smallest step.
    """

    about: str
    draw: Draw
    mean: float
    bounds: tuple[float, float] = (0.0, 1.0)
    resolution: float = 0.0


def _seeds(values: Floats) -> dict[str, ArmResults]:
    """Return arms with the metrics (k, n)."""
    return {str(arm): ArmResults(dict(enumerate(row.tolist()))) for arm, row in enumerate(values)}


def _shifted(values: Floats, shift: float) -> dict[str, ArmResults]:
    values[0] += shift
    return _seeds(values)


def normal(rng: np.random.Generator, k: int, n: int, shift: float) -> dict[str, ArmResults]:
    """Simulate normal seeds with a standard deviation of one point around 80%."""
    return _shifted(0.8 + 0.01 * rng.normal(size=(k, n)), 0.01 * shift)


def heavy_tails(rng: np.random.Generator, k: int, n: int, shift: float) -> dict[str, ArmResults]:
    """Simulate seeds with Student's t distribution with three degrees of freedom."""
    return _shifted(0.8 + 0.01 * rng.standard_t(3, size=(k, n)), 0.01 * shift)


def unequal(rng: np.random.Generator, k: int, n: int, shift: float) -> dict[str, ArmResults]:
    """Simulate arms of unequal variance: the standard deviation of the last is thirty times that of the first."""
    sd = np.geomspace(0.001, 0.03, k)[:, None]
    return _shifted(0.8 + sd * rng.normal(size=(k, n)), 0.01 * shift)


def plateaus(rng: np.random.Generator, k: int, n: int, shift: float) -> dict[str, ArmResults]:
    """Simulate bimodal seeds: seven of ten learn the task (95%), the others do not (55%), with noise of 0.5%."""
    level = np.where(rng.random((k, n)) < 0.7, 0.95, 0.55)
    return _shifted(level + 0.005 * rng.normal(size=(k, n)), 0.005 * shift)


def near_one(rng: np.random.Generator, k: int, n: int, shift: float) -> dict[str, ArmResults]:
    """Simulate correct answers out of 1,000 at accuracies around 98% with a standard deviation of 1.5 points (beta)."""
    return _right_answers(rng, (0.98, 0.015, 1000), k, n, shift)


def at_the_edge(rng: np.random.Generator, k: int, n: int, shift: float) -> dict[str, ArmResults]:
    """Simulate correct answers out of 200 at accuracies around 99.5%: many metrics are equal, some are 100%."""
    return _right_answers(rng, (0.995, 0.004, 200), k, n, shift)


def _right_answers(
    rng: np.random.Generator, beta: tuple[float, float, int], k: int, n: int, shift: float
) -> dict[str, ArmResults]:
    mean, sd, items = beta
    concentration = mean * (1 - mean) / sd**2 - 1
    means = np.full(k, mean)
    means[0] = min(mean + sd * shift, 1 - (1 - mean) / 10)
    p = rng.beta((means * concentration)[:, None], ((1 - means) * concentration)[:, None], size=(k, n))
    return _seeds(rng.binomial(items, p) / items)


def items(rng: np.random.Generator, k: int, n: int, shift: float) -> dict[str, ArmResults]:
    """Simulate 400 independent test items, correct or wrong."""
    return _answered(rng, k, n, shift, clusters=400, icc=0.0)


def clustered(rng: np.random.Generator, k: int, n: int, shift: float) -> dict[str, ArmResults]:
    """Simulate 400 test items in 40 clusters of ten with an intraclass correlation of 0.5."""
    return _answered(rng, k, n, shift, clusters=40, icc=0.5)


def _answered(
    rng: np.random.Generator, k: int, n: int, shift: float, *, clusters: int, icc: float, size: int = 400
) -> dict[str, ArmResults]:
    """Simulate answers by a probit model: correct (84%) where arm x item (a part `icc` of it by cluster) + arm x seed +
    noise is above 0."""
    of = np.repeat(np.arange(clusters), size // clusters)
    by_item = np.sqrt(icc) * rng.normal(size=(k, clusters))[:, of]
    by_item += np.sqrt(1 - icc) * rng.normal(size=(k, size))
    latent = by_item[:, None, :] + 0.1 * rng.normal(size=(k, n, 1)) + rng.normal(size=(k, n, size))
    latent += np.sqrt(2.01)
    latent[0] += 0.1 * shift
    right = (latent > 0).astype(np.float64)  # (k, n, items)
    ids = np.arange(size)
    return {
        str(arm): ArmResults(dict(enumerate(table.mean(axis=1).tolist())), Items(ids, of, dict(enumerate(table))))
        for arm, table in enumerate(right)
    }


SCENARIOS: Mapping[str, Scenario] = {
    "normal": Scenario("normal seeds", normal, 0.8),
    "t(3)": Scenario("seeds with heavy tails, t(3)", heavy_tails, 0.8),
    "unequal": Scenario("normal seeds, sd 0.1 to 3 points by arm", unequal, 0.8),
    "plateaus": Scenario("seeds on two plateaus, 70% at 95% and 30% at 55%", plateaus, 0.83),
    "near one": Scenario("accuracies of 98 ± 1.5% on 1,000 items", near_one, 0.98, resolution=1e-3),
    "edge": Scenario("accuracies of 99.5 ± 0.4% on 200 items", at_the_edge, 0.995, resolution=5e-3),
    "items": Scenario("400 test items", items, 0.84134),
    "clustered": Scenario("400 test items in 40 clusters, ICC .5", clustered, 0.84134),
}
