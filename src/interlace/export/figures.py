"""Metrics of a run's test split, with intervals over its items."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from interlace.metrics.groups import named_groups, shared_values
from interlace.runs import Run
from interlace.statistics.bootstrap import bootstrap_mean
from interlace.statistics.intervals import MIN_SEEDS

TEST = "test/"
TOLERANCE = 1e-4  # of a mean over items from the metric that it is
GROUP, SCORE = "group/", "score/"


class Figure(NamedTuple):
    """A test metric; the interval is None where it is not a mean over at least three items, or these are all equal."""

    name: str
    value: float
    interval: tuple[float, float] | None


def figures(run: Run) -> list[Figure]:
    """Return the finite test metrics of a run in their recorded order, each with its 95% interval.

    Intervals are percentile bootstrap intervals of a mean over test items, by cluster where items depend on each other.
    """
    found = {name.removeprefix(TEST): value for name, value in run.metrics.items() if name.startswith(TEST)}
    means = _means(run) if (run.directory / "predictions.parquet").exists() else {}
    return [_figure(name, value, means) for name, value in found.items() if math.isfinite(value)]


Items = tuple[np.ndarray, np.ndarray | None]  # scores (n,) and clusters (n,)


def _figure(name: str, value: float, means: dict[str, Items]) -> Figure:
    scores, clusters = means.get(name, (np.empty(0), None))
    scores, clusters = scores[np.isfinite(scores)], None if clusters is None else clusters[np.isfinite(scores)]
    if len(scores) < MIN_SEEDS or abs(float(scores.mean()) - value) > TOLERANCE * max(1.0, abs(value)):
        return Figure(name, value, None)
    low, high = bootstrap_mean(scores, clusters)
    # Equal scores of all items have no spread from which an interval could be estimated.
    return Figure(name, value, (low, high) if low < high else None)


def _means(run: Run) -> dict[str, Items]:
    """Return the scores of single items by the metric that may be their mean, over all items and over each group."""
    table = run.predictions
    clusters = pd.factorize(table["cluster"])[0].astype(np.int64) if "cluster" in table else None
    groups = {name.removeprefix(GROUP): table[name].to_numpy() for name in map(str, table) if name.startswith(GROUP)}
    rows = {"": np.ones(len(table), dtype=bool)} | {
        f"/{name}": chosen for name, chosen in named_groups(groups, shared_values({"test": groups}))
    }
    return {
        f"{metric}{suffix}": (scores[chosen], None if clusters is None else clusters[chosen])
        for metric, scores in _scores(table)
        for suffix, chosen in rows.items()
    }


def _scores(table: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    for name in map(str, table):
        if name.startswith(SCORE):
            yield name.removeprefix(SCORE), table[name].to_numpy(dtype=float)
    if "correct" in table:
        for metric in ("accuracy", "exact_match"):
            if f"{SCORE}{metric}" not in table:
                yield metric, table["correct"].to_numpy(dtype=float)
    if "error" in table:
        yield "mae", np.abs(table["error"].to_numpy(dtype=float))
