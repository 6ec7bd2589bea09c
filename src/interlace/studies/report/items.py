"""Scores of single test items, brought together over the seeds of a cell."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interlace.studies.predictions import ItemScores, Predictions
from interlace.studies.results import Runs

Scores = Mapping[int, ItemScores]  # by seed


def item_scores(runs: Runs, predictions: Mapping[Path, Predictions], metric: str) -> dict[str, dict[int, ItemScores]]:
    """Cell -> seed -> each test item's share in a metric that is a mean over items; empty for other metrics."""
    name = metric.split("/")[1] if "/" in metric else metric
    found: dict[str, dict[int, ItemScores]] = {}
    for run in runs.done:
        read = predictions.get(run.directory)
        if read is None or metric.count("/") > 1:
            continue
        if name in ("accuracy", "exact_match") and read.correct is not None:
            found.setdefault(run.cell, {})[run.seed] = read.correct
        elif name == "mae" and read.error is not None:
            scores = ItemScores(read.error.ids, np.abs(read.error.values))
            found.setdefault(run.cell, {})[run.seed] = scores
    return found


def over_seeds(scores: Scores, against: Scores | None = None) -> NDArray[np.float64]:
    """(items,) the mean over seeds of each item that every seed has; of the paired difference where `against` is given,
    over the seeds that both have."""
    seeds = [seed for seed in scores if against is None or seed in against]
    if not seeds:
        return np.empty(0)
    columns = [*scores.values(), *(against or {}).values()]
    if all(column.ids.equals(columns[0].ids) for column in columns[1:]):
        table = np.stack([scores[seed].values for seed in seeds])  # (seeds, items)
        if against is not None:
            table = table - np.stack([against[seed].values for seed in seeds])
        return np.asarray((table.sum(axis=0) / len(seeds))[~np.isnan(table).any(axis=0)], dtype=np.float64)
    aligned = _aligned(scores)[seeds]
    if against is not None:
        aligned = aligned - _aligned(against)[seeds]
    return aligned.dropna().mean(axis=1).to_numpy(np.float64)


def _aligned(scores: Scores) -> pd.DataFrame:
    """One row a test item, one column a seed, by id."""
    return pd.DataFrame({seed: pd.Series(each.values, index=each.ids.to_pandas()) for seed, each in scores.items()})
