"""Scores of single test items, joined over the seeds of a cell."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from interlace.report.predictions import ItemScores, Predictions
from interlace.report.results import Runs
from interlace.statistics.contrasts import Items, aligned

RIGHT = ("accuracy", "exact_match")


def item_scores(
    runs: Runs, predictions: Mapping[Path, Predictions], metric: str, cells: Collection[str] | None = None
) -> dict[str, Items]:
    """Cell -> score of each test item by seed, for a metric that is the mean of these scores; empty for other metrics.

    `cells`: the cells to read; None: all.
    """
    names: dict[int, NDArray[np.object_]] = {}
    found: dict[str, dict[int, Items]] = {}
    for run in runs.done:
        read = predictions.get(run.directory) if cells is None or run.cell in cells else None
        scores = None if read is None else _of_metric(read, metric)
        if scores is not None:
            if id(scores.ids) not in names:  # runs with the same items share their ids
                names[id(scores.ids)] = np.asarray(scores.ids.to_pylist(), dtype=object)
            items = Items(names[id(scores.ids)], scores.clusters, {run.seed: scores.values})
            found.setdefault(run.cell, {})[run.seed] = items
    joined = {cell: _joined(list(seeds.values())) for cell, seeds in found.items()}
    return {cell: items for cell, items in joined.items() if items is not None}


def _of_metric(read: Predictions, metric: str) -> ItemScores | None:
    """The score of each item in a metric that is the mean over test items; None for another metric."""
    if metric.count("/") > 1:
        return None
    name = metric.split("/")[-1]
    if name in read.scores:
        return read.scores[name]
    if name in RIGHT:
        return read.correct
    if name != "mae" or read.error is None:
        return None
    return ItemScores(read.error.ids, np.abs(read.error.values), read.error.clusters)


def _joined(runs: list[Items]) -> Items | None:
    """The runs of a cell joined, over their common items; None without any."""
    joined = runs[0]
    for other in runs[1:]:
        pair = aligned(joined, other)
        if pair is None:
            return None
        joined = Items(pair[0].ids, pair[0].clusters, {**pair[0].scores, **pair[1].scores})
    return joined


def over_seeds(items: Items | None, against: Items | None = None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The mean over seeds and the cluster of each item that every seed has scored, (items,) each.

    With `against` the mean paired difference, over common items and seeds.
    """
    nothing = np.empty(0), np.empty(0, dtype=np.int64)
    if items is None:
        return nothing
    if against is None:
        table = np.stack(list(items.scores.values()))
    else:
        pair = aligned(items, against)
        seeds = [seed for seed in items.scores if seed in against.scores]
        if pair is None or not seeds:
            return nothing
        items, against = pair
        table = np.stack([items.scores[seed] - against.scores[seed] for seed in seeds])  # (seeds, items)
    known = ~np.isnan(table).any(axis=0)
    return np.asarray(table[:, known].mean(axis=0), dtype=np.float64), items.clusters[known]
