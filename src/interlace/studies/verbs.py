"""What the verbs of `interlace study` do: run, report, verify, and say where things stand."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from interlace.configuration.locations import outputs_dir
from interlace.errors import UserError
from interlace.studies.driver import Driver, Outcome
from interlace.studies.planning import Job, differences_from_base, plan, plan_parents
from interlace.studies.progress import StudyProgress
from interlace.studies.report import build_report
from interlace.studies.results import Runs, cell_name, load_runs
from interlace.studies.study import Study, find_study
from interlace.studies.verify import Check, verify
from interlace.studies.wandb_report import mirror_report
from interlace.tracking.files import read_json

Overrides = Sequence[str]


def run_study(
    study: Study,
    overrides: Overrides,
    *,
    jobs: int,
    fail_fast: bool,
    refresh: str | None,
    as_json: bool,
    runs_per_process: int | None = None,
) -> int:
    """Runs what is not done, writes the report, prints its path; returns the exit code (0, 1, 130 or 143)."""
    if refresh not in (None, "stale", "failed", "all"):
        raise UserError(f"--refresh {refresh}: expected stale, failed or all")
    planned = plan(study, overrides)
    parents = list(plan_parents(study, overrides).values())
    with StudyProgress(study, [*parents, *planned]) as progress:
        driver = Driver(
            [*parents, *planned],
            parallel=jobs,
            fail_fast=fail_fast,
            refresh=refresh,
            runs_per_process=runs_per_process,
            on_change=progress.show,
        )
        outcome = driver.drive()
    for directory, error in outcome.failed.items():
        print(f"failed   {directory}: {error}", file=sys.stderr)
    if outcome.stopped_by is not None:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 128 + outcome.stopped_by
    path = _report(study, planned, report_folder(study), _command(study, overrides))
    print(json.dumps(_summary(outcome, path), indent=2) if as_json else path)
    return 1 if outcome.failed else 0


def write_report(study: Study, overrides: Overrides, *, folder: Path | None) -> Path:
    """The report of what is done, in `folder` or the study's own report folder; returns index.html."""
    planned = plan(study, overrides)
    return _report(study, planned, folder or report_folder(study), _command(study, overrides))


def report_folder(study: Study) -> Path:
    """<outputs>/<study>/report"""
    return outputs_dir() / study.name / "report"


def show_plan(study: Study, overrides: Overrides, *, as_json: bool) -> None:
    """Prints the number of runs, what each arm changes, and the time they will take as far as finished runs tell."""
    planned = plan(study, overrides)
    changes = differences_from_base(study, planned)
    runs = load_runs([job.run for job in planned])
    done = runs.table[runs.table["status"] == "done"]
    costs = done.groupby("arm")["seconds"].mean().to_dict() if len(done) else {}
    left = [job.run.arm for job, status in zip(planned, runs.table["status"], strict=True) if status != "done"]
    known = [costs[arm] for arm in left if arm in costs]
    if as_json:
        rows = [
            {"arm": j.run.arm, "factors": j.run.factors, "seed": j.run.seed, "run_dir": str(j.run.directory)}
            for j in planned
        ]
        print(json.dumps({"runs": rows, "left": len(left), "arms": changes, "seconds": costs}, indent=2, default=str))
        return
    console = Console()
    console.print(f"{study.name}: {study.question}", highlight=False)
    times = f"{len(study.arms)} arms x {len(study.seeds)} seeds{f' x {study.folds} folds' if study.folds else ''}"
    times += " x factors" if study.factors else ""
    first = f", after {len(study.parents)} to start from" if study.parents else ""
    console.print(f"{len(planned)} runs = {times}; {len(left)} to do{first}", highlight=False)
    table = Table("arm", "runs", "changes against the base", "seconds a run", box=None, pad_edge=False)
    for arm, changed in changes.items():
        text = "\n".join(f"{key} = {value}" for key, value in changed.items()) or "(none)"
        mark = "baseline" if arm == study.baseline else "control" if arm in study.controls else ""
        cost = f"{costs[arm]:.0f}" if arm in costs else "-"
        count = str(sum(job.run.arm == arm for job in planned))
        table.add_row(f"{escape(arm)}\n[dim]{mark}[/dim]", count, escape(text), cost)
    console.print(table)
    if known:
        note = "" if len(known) == len(left) else f" for the {len(known)} whose cost is known"
        console.print(f"about {sum(known) / 60:.0f} minutes of one process left{note}", highlight=False)


def show_status(study: Study, overrides: Overrides, *, as_json: bool) -> None:
    """Prints where each run stands."""
    runs = load_runs([job.run for job in plan(study, overrides)])
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
    counts = runs.table["status"].value_counts().to_dict()
    print(", ".join(f"{n} {status}" for status, n in counts.items()))


def show_verification(name: str, study: Study, overrides: Overrides, *, as_json: bool) -> bool:
    """Prints each expected figure beside the measured one; whether all hold."""
    if not study.expected:
        raise UserError(f"study {study.name}: it has no expected values; add them under expected: in its study.yaml")
    source, table = _results_to_verify(name, study, overrides)
    checks = verify(study, table)
    holds = all(check.holds for check in checks)
    if as_json:
        rows = [{**asdict(check), "holds": check.holds} for check in checks]
        print(json.dumps({"source": source, "holds": holds, "checks": rows}, indent=2))
        return holds
    print(f"results from {source}")
    for check in checks:
        print(_line(check))
    print("all expected values hold" if holds else "some expected values do not hold")
    return holds


def _results_to_verify(name: str, study: Study, overrides: Overrides) -> tuple[str, pd.DataFrame]:
    """The runs in the outputs when all are done, else the table recorded beside the study file."""
    runs = load_runs([job.run for job in plan(study, overrides)])
    done = int((runs.table["status"] == "done").sum())
    if done == len(runs.table):
        stale = int(runs.table["stale"].fillna(False).astype(bool).sum())
        return "the runs in the outputs" + (f", {stale} of them made by other code" if stale else ""), runs.table
    recorded = find_study(name).parent / "results" / "results.csv"
    if recorded.exists() and not done and not overrides:
        table = pd.read_csv(recorded)
        factors = table["factors"].fillna("{}").map(json.loads)
        table["cell"] = [cell_name(arm, values) for arm, values in zip(table["arm"], factors, strict=True)]
        return "the recorded results.csv", table
    raise UserError(
        f"study {study.name}: {done} of {len(runs.table)} runs are done; finish them: interlace study run {name}"
    )


def _line(check: Check) -> str:
    measured = "not done" if check.measured is None else f"{check.measured:.4f} (n={check.n})"
    mark = "holds" if check.holds else "FAILS"
    expected = f"{check.expected:.4f} +- {check.tolerance:.4f}"
    return f"{mark}  {check.cell:28} {check.metric:28} expected {expected}, is {measured}"


def _report(study: Study, planned: Sequence[Job], folder: Path, command: str) -> Path:
    runs = load_runs([job.run for job in planned])
    path = build_report(
        folder=folder,
        title=study.name,
        question=study.question,
        runs=runs,
        metrics=dict(study.metrics),
        baseline=study.baseline,
        controls=list(study.controls),
        data_description=_data_description(runs),
        command=command,
    )
    mirror_report(study.name, folder, outputs_dir() / study.name, planned[0].config["logger"])
    return path


def _data_description(runs: Runs) -> dict[str, Any]:
    """What the data module said of itself, from the first run that is done."""
    for row in runs.table.to_dict("records"):
        path = Path(row["run_dir"]) / "data_description.json"
        if path.exists():
            content: dict[str, Any] = read_json(path)
            return content
    return {}


def _command(study: Study, overrides: Overrides) -> str:
    return " ".join(["interlace study run", study.name, *overrides])


def _summary(outcome: Outcome, report: Path) -> dict[str, Any]:
    return {
        "report": str(report),
        "done": [os.fspath(path) for path in outcome.done],
        "earlier": [os.fspath(path) for path in outcome.earlier],
        "failed": {os.fspath(path): error for path, error in outcome.failed.items()},
    }
