"""The verbs of `interlace sweep`: run trials, show their state, write the report."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from interlace.report import formats
from interlace.studies.driver import Driver
from interlace.studies.planning import with_parents
from interlace.studies.progress import StudyProgress
from interlace.studies.study import Study
from interlace.studies.sweep.driver import SweepDriver
from interlace.studies.sweep.planning import SweepPlan, as_overrides
from interlace.studies.sweep.progress import SweepProgress
from interlace.studies.sweep.report import build_sweep_report
from interlace.studies.sweep.results import SweepResults
from interlace.tracking.storage import check_writable

STOPPED = "stopped; the same command continues from here"


def run_sweep(study: Study, overrides: Sequence[str], *, jobs: int, as_json: bool) -> int:
    """Makes the remaining trials, writes the report, prints its path; returns the exit code.

    0 when all trials have ended and at least one is done, else 1; 130 or 143 when stopped.
    """
    plan = SweepPlan(study, overrides)
    check_writable(plan.folder)
    parents = plan.parents()
    trial_store = plan.open()
    try:
        if parents and (code := _make_parents(study, plan, jobs)):
            return code
        progress = SweepProgress(plan.search, len(plan.arms))
        driver = SweepDriver(trial_store, plan.jobs, parallel=jobs, on_change=progress.show)
        stopped_by = driver.drive().stopped_by
    finally:
        trial_store.close()
    if stopped_by is not None:
        print(STOPPED, file=sys.stderr)
        return 128 + stopped_by
    results = SweepResults(plan.folder, plan.search, plan.arms)
    path = _report(study, plan, results)
    print(json.dumps({"report": str(path), **_as_json(results)}, indent=2) if as_json else path)
    counts = results.counts()
    return 0 if counts["done"] and not {"interrupted", "pending"} & set(counts) else 1


def _make_parents(study: Study, plan: SweepPlan, jobs: int) -> int:
    """Makes the runs that trials start from; returns an exit code, 0 when all are done."""
    parents = plan.parents()
    with StudyProgress(study, parents) as progress:
        outcome = Driver(parents, parallel=jobs, on_change=progress.show).drive()
    for directory, error in outcome.failed.items():
        print(f"failed   {directory}: {error}", file=sys.stderr)
    if outcome.stopped_by is not None:
        print(STOPPED, file=sys.stderr)
        return 128 + outcome.stopped_by
    return 1 if outcome.failed else 0


def show_sweep(study: Study, overrides: Sequence[str], *, as_json: bool) -> None:
    """Prints the state of each trial, and the best."""
    plan = SweepPlan(study, overrides)
    results = SweepResults(plan.folder, plan.search, plan.arms)
    if as_json:
        print(json.dumps(_as_json(results), indent=2))
        return
    table = Table("arm", "trial", "state", *results.objectives, "options or error", box=None, pad_edge=False)
    for row in results.table[results.table["state"] != "pending"].to_dict("records"):
        values = [formats.metric_value(name, row[name]) for name in results.objectives]
        options = {key: row[key] for key in plan.search.space}
        text = str(row["error"] or " ".join(as_overrides(options)))
        table.add_row(*map(escape, (str(row["arm"]), str(row["trial"]), str(row["state"]), *values, text)))
    Console().print(table)
    print(", ".join(f"{number} {state}" for state, number in results.counts().items()))
    for arm in results.arms:
        for trial in results.best(arm):
            text = "  ".join(
                f"{name} {formats.metric_value(name, value)}"
                for name, value in zip(results.objectives, trial.values, strict=True)
            )
            print(f"best of {arm}: trial {trial.number}  {text}  {' '.join(as_overrides(results.options(trial)))}")


def _as_json(results: SweepResults) -> dict[str, Any]:
    trials = json.loads(results.table.to_json(orient="records"))
    best = {
        arm: [
            {
                "trial": trial.number,
                "values": dict(zip(results.objectives, trial.values, strict=True)),
                "overrides": as_overrides(results.options(trial)),
            }
            for trial in results.best(arm)
        ]
        for arm in results.arms
    }
    return {"counts": results.counts(), "best": best, "trials": trials}


def _report(study: Study, plan: SweepPlan, results: SweepResults) -> Path:
    command = study.command("sweep optuna", plan.overrides)
    arms = {arm: with_parents([*study.base, *study.arms[arm]], plan.parent_dirs) for arm in plan.arms}
    return build_sweep_report(
        plan.folder / "sweep" / "report", results, title=study.name, question=study.question, command=command, arms=arms
    )


def write_sweep_report(study: Study, overrides: Sequence[str]) -> Path:
    """Writes the report of the finished trials; returns the path of index.html."""
    plan = SweepPlan(study, overrides)
    return _report(study, plan, SweepResults(plan.folder, plan.search, plan.arms))
