"""The trials of a sweep as a table, the best of them, and the importance of options."""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from interlace.studies.search import Search
from interlace.studies.sweep.samplers import distributions
from interlace.studies.sweep.trial_store import ERROR, RUNS, is_claimed, read_trials

STATES = ("done", "pruned", "failed", "running", "interrupted", "pending")
_NAMES = {TrialState.COMPLETE: "done", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


class SweepResults:
    """The trials of a sweep, read from its journal, which is not written.

    `table` has a row for each requested trial, made or not: arm, trial, state (one of STATES), a column for each
    objective (NaN unless done), a column for each option, epochs (of the first run), runs (their directories below
    the study's outputs), error.
    """

    def __init__(self, folder: Path, search: Search, arms: Sequence[str]) -> None:
        self.folder = folder
        self.search = search
        self.arms = list(arms)
        self.objectives = list(search.objectives)
        self.trials = read_trials(folder, arms)
        self.table = pd.DataFrame(
            [row for arm in arms for row in self._rows(arm)],
            columns=["arm", "trial", "state", *self.objectives, *search.space, "epochs", "runs", "error"],
        )

    def counts(self) -> dict[str, int]:
        """The number of trials in each state; states without trials are left out, except "done"."""
        counted = self.table["state"].value_counts()
        found = {name: int(counted.get(name, 0)) for name in STATES}
        return {name: number for name, number in found.items() if number or name == "done"}

    def best(self, arm: str) -> list[FrozenTrial]:
        """The best trial of an arm (of equals the earlier one); with several objectives the Pareto front, sorted by the
        first objective."""
        done = [trial for trial in self.trials[arm] if trial.state == TrialState.COMPLETE]
        ordered = sorted(done, key=lambda trial: (self._losses(trial), trial.number))
        if len(self.objectives) == 1:
            return ordered[:1]
        return [trial for trial in ordered if not any(_dominates(self._losses(o), self._losses(trial)) for o in done)]

    def importances(self, arm: str) -> pd.DataFrame:
        """Importance of each option for the first objective: columns option, pedanova and fanova, each with sum 1.

        PED-ANOVA (Watanabe et al., 2023) measures what separates the better trials from the others, fANOVA (Hutter et
        al., 2014) the share of the variance over the whole space. Empty below eight finished trials, or where all have
        the same value.
        """
        done = [trial for trial in self.trials[arm] if trial.state == TrialState.COMPLETE]
        varied = [name for name in self.search.space if len({str(trial.params[name]) for trial in done}) > 1]
        if len(done) < 8 or not varied or len({trial.values[0] for trial in done}) < 2:
            return pd.DataFrame(columns=["option", "pedanova", "fanova"])
        study = self._study(done)
        found: dict[str, dict[str, float]] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, evaluator in (
                ("pedanova", optuna.importance.PedAnovaImportanceEvaluator()),
                ("fanova", optuna.importance.FanovaImportanceEvaluator(seed=0)),
            ):
                found[name] = optuna.importance.get_param_importances(
                    study, evaluator=evaluator, params=varied, target=lambda trial: trial.values[0]
                )
        rows = [{"option": option, **{name: found[name][option] for name in found}} for option in varied]
        return pd.DataFrame(rows).sort_values("pedanova", ascending=False, ignore_index=True)

    def options(self, trial: FrozenTrial) -> dict[str, Any]:
        """The options of a trial."""
        return self.search.values(trial.params)

    def losses(self, arm: str) -> list[tuple[FrozenTrial, float]]:
        """Finished trials of an arm with their first objective, negated where greater is better."""
        return [(t, self._losses(t)[0]) for t in self.trials[arm] if t.state == TrialState.COMPLETE]

    def _losses(self, trial: FrozenTrial) -> tuple[float, ...]:
        directions = self.search.objectives.values()
        return tuple(-v if d == "max" else v for v, d in zip(trial.values, directions, strict=True))

    def _study(self, trials: Sequence[FrozenTrial]) -> optuna.Study:
        """An Optuna study in memory with the given trials and the first objective."""
        first = next(iter(self.search.objectives.values()))
        study = optuna.create_study(direction="maximize" if first == "max" else "minimize")
        spaces = distributions(self.search)
        study.add_trials(
            [optuna.create_trial(value=t.values[0], params=t.params, distributions=spaces) for t in trials]
        )
        return study

    def _rows(self, arm: str) -> list[dict[str, Any]]:
        rows = [self._row(arm, trial) for trial in self.trials[arm]]
        missing = range(len(rows), self.search.trials)
        return rows + [{"arm": arm, "trial": n, "state": "pending", "runs": "", "error": ""} for n in missing]

    def _row(self, arm: str, trial: FrozenTrial) -> dict[str, Any]:
        state = _NAMES.get(trial.state)
        if state is None:
            state = "running" if is_claimed(self.folder, arm, trial.number) else "interrupted"
        values = trial.values if state == "done" else [math.nan] * len(self.objectives)
        complete = set(trial.params) == set(self.search.space)
        return {
            "arm": arm,
            "trial": trial.number,
            "state": state,
            **dict(zip(self.objectives, values, strict=True)),
            **(self.options(trial) if complete else {}),
            "epochs": max(trial.intermediate_values, default=math.nan),
            "runs": " ".join(trial.user_attrs.get(RUNS, ())),
            "error": trial.user_attrs.get(ERROR, ""),
        }


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
