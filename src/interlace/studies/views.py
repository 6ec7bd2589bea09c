"""The output of `interlace study plan` and `status`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from interlace.report.formats import count
from interlace.report.results import load_runs
from interlace.studies.cost import estimate
from interlace.studies.other_precision import tell_other_precision
from interlace.studies.planning import (
    Job,
    NotTunedYet,
    plan,
    plan_trials,
    plan_untuned,
    typed_differences,
)
from interlace.studies.study import Study

Overrides = Sequence[str]


def show_plan(study: Study, overrides: Overrides, *, as_json: bool, jobs: int = 1) -> None:
    """Prints the number of runs, the options of each arm, the options that budget and trials chose, and an estimate of
    the remaining time with `jobs` runs at a time, from the finished runs.
    """
    planned, trials, tuned = _planned(study, overrides)
    changes = typed_differences(study, planned)
    table = load_runs([job.run for job in [*trials, *planned]]).table
    table["owner"] = [*(job.run.arm.rpartition(".tune-")[0] for job in trials), *(job.run.arm for job in planned)]
    done = table[table["status"] == "done"]
    costs = {str(arm): float(seconds.mean()) for arm, seconds in done.groupby("owner")["seconds"]}
    left = table.loc[~table["status"].isin(("done", "diverged")), "owner"].tolist()
    cost = estimate(left, costs, jobs)
    chosen = {job.run.cell: {**job.chosen, **_match(job)} for job in planned if job.chosen or job.match}
    if as_json:
        rows = [
            {
                "arm": job.run.arm,
                "factors": job.run.factors,
                "seed": job.run.seed,
                "run_dir": str(job.run.directory) if tuned else None,
            }
            for job in planned
        ]
        content = {"runs": rows, "trials": len(trials), "left": len(left), "arms": changes, "chosen": chosen}
        content |= {"seconds": costs, "estimate": None if cost is None else asdict(cost)}
        print(json.dumps(content, indent=2, default=str))
        return
    console = Console()
    _print_counts(console, study, len(planned), len(trials), len(left))
    console.print(_arms_table(study, planned, changes, costs))
    if chosen:
        console.print(_chosen_table(chosen))
    if not tuned:
        console.print("tuned options are shown as configured until the trials are done", highlight=False)
    if cost is not None:
        console.print(cost.words, highlight=False)
    elif left:
        console.print("no run has finished yet: no estimate of the time", highlight=False)


def _planned(study: Study, overrides: Overrides) -> tuple[list[Job], list[Job], bool]:
    """Runs, trials, and True where the trials are done, so that the runs have their tuned options."""
    trials = plan_trials(study, overrides)
    try:
        return plan(study, overrides), trials, True
    except NotTunedYet:
        return plan_untuned(study, overrides), trials, False


def _match(job: Job) -> dict[str, int]:
    return {} if job.match is None else {"parameters": job.match.parameters, "flops": job.match.flops}


def _print_counts(console: Console, study: Study, runs: int, trials: int, left: int) -> None:
    console.print(f"{study.name}: {study.question}", highlight=False)
    times = f"{len(study.arms)} arms x {len(study.seeds)} seeds{f' x {study.folds} folds' if study.folds else ''}"
    times += " x factors" if study.factors else ""
    first = f", after {len(study.parents)} to start from" if study.parents else ""
    before = ""
    if study.tuning is not None:
        before = f", after {trials} trials ({study.tuning.trials} an arm, by {study.tuning.metric})"
    console.print(f"{runs} runs = {times}{before}; {left} to do{first}", highlight=False)
    if study.budget is not None:
        budget = study.budget
        target = f"{budget.target:,}" if isinstance(budget.target, int) else f"as many as {budget.target}"
        what = "parameters" if budget.kind == "parameters" else "FLOPs"
        scope = "of the whole model" if budget.scope == "total" else "of all but the encoders"
        console.print(f"budget: {target} {what} {scope}, within {100 * budget.allowed:g}%", highlight=False)


def _arms_table(
    study: Study, planned: Sequence[Job], changes: Mapping[str, Sequence[str]], costs: Mapping[str, float]
) -> Table:
    table = Table("arm", "", "runs", "changes against the base", "seconds a run", box=None, pad_edge=False)
    for arm, changed in changes.items():
        text = " ".join(changed) or "(none)"
        mark = "baseline" if arm == study.baseline else "control" if arm in study.controls else ""
        cost = f"{costs[arm]:.0f}" if arm in costs else "-"
        number = str(sum(job.run.arm == arm for job in planned))
        table.add_row(escape(arm), f"[dim]{mark}[/dim]", number, escape(text), cost)
    return table


def _chosen_table(chosen: Mapping[str, Mapping[str, Any]]) -> Table:
    """Options that budget and trials chose for each cell, with the resulting cost."""
    keys = dict.fromkeys(key for values in chosen.values() for key in values if key not in ("parameters", "flops"))
    table = Table("cell", *keys, "parameters", "FLOPs", box=None, pad_edge=False)
    for cell, values in chosen.items():
        found = [str(values.get(key, "")) for key in keys]
        found += [count(values[name]) if name in values else "" for name in ("parameters", "flops")]
        table.add_row(*map(escape, (cell, *found)))
    return table


def show_status(study: Study, overrides: Overrides, *, as_json: bool) -> None:
    """Prints the state of each run and trial; of trials alone while these are unfinished."""
    known = _known_runs(study, overrides)
    runs = load_runs([job.run for job in known])
    if as_json:
        columns = ["study", "arm", "factors", "seed", "status", "stale", "error", "run_dir"]
        print(runs.table[columns].to_json(orient="records", indent=2, default_handler=str))
        return
    table = Table("arm", "seed", "status", "error or place", box=None, pad_edge=False)
    for row in runs.table.to_dict("records"):
        status = f"{row['status']} (stale)" if row.get("stale") else row["status"]
        place = str(row.get("error") or row["run_dir"])
        table.add_row(*map(escape, (str(row["cell"]), str(row["seed"]), status, place)))
    Console().print(table)
    counts: Mapping[Any, Any] = pd.Series(runs.table["status"]).value_counts().to_dict()
    print(", ".join(f"{n} {status}" for status, n in counts.items()))
    tell_other_precision(study.name, known)


def _known_runs(study: Study, overrides: Overrides) -> list[Job]:
    trials = plan_trials(study, overrides)
    try:
        return [*trials, *plan(study, overrides)]
    except NotTunedYet:
        return trials
