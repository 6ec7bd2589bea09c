"""The tuning trials of a study: each arm takes the options with the best metric on validation data."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interlace.configuration.spelling import spelled
from interlace.errors import UserError
from interlace.metrics.directions import best_of
from interlace.report.results import PlannedRun, cell_name
from interlace.studies.expansion import RunSpec, excluded, factor_overrides, factor_values, seed_override
from interlace.studies.study import Study, Tuning
from interlace.tracking.files import read_json
from interlace.tracking.status import is_done, read_status

Values = dict[str, Any]


def points(tuning: Tuning) -> list[Values]:
    """The options of each trial, the same for all arms: the grid in order, or a random sample of it."""
    grid = [dict(zip(tuning.space, values, strict=True)) for values in itertools.product(*tuning.space.values())]
    if tuning.method == "grid":
        return grid
    order = np.random.Generator(np.random.PCG64(tuning.seed)).permutation(len(grid))
    return [grid[i] for i in order[: tuning.trials]]


def trial_name(arm: str, number: int) -> str:
    """The arm name of a trial's runs: "concat.tune-3"."""
    return f"{arm}.tune-{number}"


def expand_trials(study: Study, overrides: tuple[str, ...] = ()) -> list[RunSpec]:
    """The runs of all trials, trial by trial; none for a study without tuning. A pure function."""
    if study.tuning is None:
        return []
    return [
        RunSpec(
            study.name,
            trial_name(arm, number),
            factors,
            seed,
            (
                *study.base,
                *study.arms[arm],
                *factor_overrides(study, factors),
                *overrides,
                seed_override([*study.base, *study.arms[arm]], seed),
                spelled("study", study.name),
                spelled("arm", trial_name(arm, number)),
            ),
            of=arm,
            options=point,
        )
        for number, point in enumerate(points(study.tuning), start=1)
        for seed in study.tuning.seeds
        for factors in factor_values(study)
        for arm in study.arms
        if not excluded(study, arm, factors)
    ]


def choose(study: Study, trials: Sequence[PlannedRun]) -> dict[str, Values] | None:
    """The options of the best trial of each cell; None while trials are unfinished.

    A trial that failed, or whose metric is not finite, is skipped; UserError when no trial of a cell is left.
    """
    tuning = study.tuning
    if tuning is None:
        return {}
    values_of: dict[str, dict[int, list[float]]] = {}
    for run in trials:
        arm, _, number = run.arm.rpartition(".tune-")
        value = _value(run, tuning.metric)
        if value is None:
            return None
        values_of.setdefault(cell_name(arm, run.factors), {}).setdefault(int(number), []).append(value)
    sign = 1.0 if _direction(tuning) == "max" else -1.0
    grid, chosen = points(tuning), {}
    for cell, by_trial in values_of.items():
        scores = {number: sign * sum(values) / len(values) for number, values in by_trial.items()}
        usable = {number: score for number, score in scores.items() if math.isfinite(score)}
        if not usable:
            raise UserError(f"study {study.name}, arm {cell}: none of its {len(scores)} trials has a {tuning.metric}")
        chosen[cell] = grid[max(usable, key=lambda number: (usable[number], -number)) - 1]
    return chosen


def _value(run: PlannedRun, metric: str) -> float | None:
    """The metric of a trial's run; NaN when it failed or the value is not finite; None while it is unfinished."""
    if read_status(run.directory)["status"] == "failed":
        return math.nan
    if not is_done(run.directory):
        return None
    metrics: Mapping[str, Any] = read_json(run.directory / "results.json")["metrics"]
    if metric not in metrics:
        known = ", ".join(name for name in metrics if name.startswith("val/") and name.count("/") == 1)
        raise UserError(f"tuning.metric: {run.directory} has no {metric!r}; it has {known}")
    value = metrics[metric]
    return math.nan if value is None else float(value)


def _direction(tuning: Tuning) -> str:
    return tuning.direction or best_of(tuning.metric)
