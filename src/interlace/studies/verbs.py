"""The verbs of `interlace study`: run, report, verify."""

import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from interlace.configuration.importing import heavy_imports
from interlace.configuration.locations import outputs_dir
from interlace.configuration.working import working
from interlace.errors import UserError
from interlace.reading.files import read_bytes
from interlace.report.build import build_report
from interlace.report.comparison import Comparison
from interlace.report.ranking import setting_name
from interlace.report.readme import write_recorded
from interlace.report.recorded import recorded_comparison
from interlace.report.results import Runs, cell_name, load_runs
from interlace.statistics.summary import DIVERGED
from interlace.studies.closing import finished_before, summary_lines
from interlace.studies.driver import Driver, Outcome, start_fork_server, stop_fork_server
from interlace.studies.expansion import expand
from interlace.studies.finding import find_study, keep_copy
from interlace.studies.metrics import metrics_of
from interlace.studies.other_precision import tell_other_precision
from interlace.studies.planning import Job, NotTunedYet, plan, stages, typed_differences
from interlace.studies.progress import StudyProgress
from interlace.studies.study import Study, select
from interlace.studies.verify import Check, verify
from interlace.tracking.description import described
from interlace.tracking.staleness import stale_sentence
from interlace.tracking.storage import check_writable, naming
from interlace.tracking.wandb_offline import offline_sentence

if TYPE_CHECKING:
    from interlace.judging.summary import Summary

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
    gpus: Sequence[str] | None = None,
) -> int:
    """Makes the unfinished runs, writes the report, prints its path; returns the exit code (0, 1, 130 or 143)."""
    if refresh not in (None, "stale", "failed", "all"):
        raise UserError(f"--refresh {refresh}: expected stale, failed or all")
    check_writable(report_folder(study).parent)
    if study.file is not None:
        keep_copy(study.name, study.file)
    if refresh is not None or _seems_unfinished(study, overrides):
        start_fork_server()  # it imports in the background while the study is planned
    total = Outcome()
    for name, stage in _stages(study, overrides):
        try:
            with heavy_imports(), working(f"{study.name}: planning the runs"):
                planned = stage()
        except BaseException:
            stop_fork_server()  # it holds our standard output open until its imports end
            raise
        tell_other_precision(study.name, planned)
        with StudyProgress(study, planned) as progress:
            driver = Driver(
                planned,
                parallel=jobs,
                fail_fast=fail_fast,
                refresh=refresh,
                runs_per_process=runs_per_process,
                gpus=gpus,
                on_change=progress.show,
            )
            total.add(driver.drive())
        if total.stopped_by is not None or (total.failed and (fail_fast or name == "parents")):
            break
    for directory, error in total.failed.items():
        print(f"failed   {directory}: {error}", file=sys.stderr)
    for sentence in filter(None, (stale_sentence(directory, os.getcwd()) for directory in total.earlier)):
        print(f"stale    {sentence}; repeat it with --refresh stale", file=sys.stderr)
    if total.earlier and not total.done and not total.failed:
        print(finished_before(study.name, total.earlier), file=sys.stderr)
    if offline := offline_sentence([*total.done, *total.earlier], outputs_dir() / study.name):
        print(offline, file=sys.stderr)
    if total.stopped_by is not None:
        print("stopped; the same command continues from here", file=sys.stderr)
        return 128 + total.stopped_by
    try:
        written = _report(study, plan(study, overrides), report_folder(study), study.command("study run", overrides))
    except NotTunedYet as reason:
        print(reason, file=sys.stderr)
        return 1
    print(json.dumps(_summary(total, written.page), indent=2) if as_json else written)
    return 1 if total.failed else 0


def _seems_unfinished(study: Study, overrides: Overrides) -> bool:
    """True where the outputs have fewer results than the study has runs; a quick check before planning."""
    results = (outputs_dir() / study.name).glob("*/seed-*/results.json")
    return sum(1 for _ in results) < len(expand(study, tuple(overrides)))


def _stages(study: Study, overrides: Overrides) -> list[tuple[str, Callable[[], list[Job]]]]:
    """Stages to run in turn; one joint stage where no stage depends on another's results."""
    found = stages(study, overrides)
    if any(stage.decides for stage in found):
        return [(stage.name, stage.jobs) for stage in found]
    return [("runs", lambda: [job for stage in found for job in stage.jobs()])]


@dataclass(frozen=True)
class Written:
    """A written report; as text its summary lines and the path of its page."""

    page: Path
    lines: list[str]

    def __str__(self) -> str:
        return "\n".join([*self.lines, str(self.page)])


def write_report(
    study: Study,
    overrides: Overrides,
    *,
    folder: Path | None,
    columns: Sequence[str] | None = None,
    ratings: Path | None = None,
) -> Written:
    """Write the report of the finished runs, in `folder` or the study's own report folder.

    `ratings`: a folder of judgements of the study's runs, for a section of the report.
    """
    folder = folder or report_folder(study)
    check_writable(folder.parent)
    judged = None
    if ratings is not None:
        from interlace.judging.summary import summarize  # imports scipy.stats, which other reports do not need

        judged = summarize(ratings)
    with heavy_imports(), working(f"{study.name}: planning the runs"):
        planned = plan(study, overrides)
    tell_other_precision(study.name, planned)
    if ratings is not None and judged is not None:
        _check_judged(study, planned, ratings, judged)
    return _report(study, planned, folder, study.command("study run", overrides), columns, judged)


def _check_judged(study: Study, planned: Sequence[Job], ratings: Path, judged: "Summary") -> None:
    """Raise UserError unless a run of the study is among the systems that were judged."""
    known = {"/".join(job.run.directory.parts[-2:]) for job in planned}
    if not known & set(judged.runs):
        raise UserError(
            f"--ratings {ratings}: none of the systems judged there ({', '.join(judged.systems)[:200]}) is a run of "
            f"study {study.name}; give a folder that interlace judge make drew from its runs"
        )


def write_recorded_report(name: str, study: Study) -> Path:
    """Rewrite tables and the generated part of README.md from the recorded results; return the path of the README.

    Finished runs of arms without recorded results are added.
    """
    folder = find_study(name).parent / "results"
    check_writable(folder)
    recorded = recorded_comparison(folder, empty_comparison(study))
    known = {run.arm for run in recorded.runs.runs}
    further = [arm for arm in study.arms if arm not in known]
    jobs = plan(select(study, arms=further, seeds=None), []) if further else []
    return write_recorded(folder, recorded, load_runs([job.run for job in jobs]))


def empty_comparison(study: Study) -> Comparison:
    """The comparison that a study defines, without runs."""
    empty = Runs([], [])
    return Comparison(
        empty,
        metrics_of(study, empty),
        study.baseline,
        frozenset(study.controls),
        {},
        tuple(study.conditions),
        study.margin,
        labels=study.labels,
    )


def write_page_of_record(name: str, study: Study, *, folder: Path | None) -> Path:
    """Write the page of a study's recorded results, in `folder` or <outputs>/<study>/recorded.

    Returns index.html. Sections that need run directories (curves, confusion, examples, analyses) are left out.
    """
    record = find_study(name).parent / "results"
    folder = folder or outputs_dir() / study.name / "recorded"
    check_writable(folder.parent)
    found = recorded_comparison(record, empty_comparison(study), detached=True)
    return build_report(
        folder=folder,
        title=study.name,
        question=study.question,
        runs=found.runs,
        metrics=found.metrics,
        baseline=study.baseline,
        controls=list(study.controls),
        conditions=study.conditions,
        labels=study.labels,
        arms=study.every_arm,
        margin=study.margin,
        data_description={},
        command=study.command("study run", ()),
        recorded=found.recorded,
    )


def report_folder(study: Study) -> Path:
    """The folder <outputs>/<study>/report."""
    return outputs_dir() / study.name / "report"


def show_verification(name: str, study: Study, overrides: Overrides, *, as_json: bool) -> bool:
    """Print expected and measured values; return True where all are within their tolerance."""
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
    """The runs in the outputs when all are done, else the recorded table; first the name of the source."""
    recorded = find_study(name).parent / "results" / "results.csv"
    try:
        runs = load_runs([job.run for job in plan(study, overrides)])
    except NotTunedYet:
        if overrides or not recorded.exists():
            raise
        return _recorded_table(recorded)
    done = int(runs.table["status"].isin(("done", DIVERGED)).sum())
    if done == len(runs.table):
        stale = int(runs.table["stale"].fillna(False).astype(bool).sum())
        return "the runs in the outputs" + (f", {stale} of them stale" if stale else ""), runs.table
    if recorded.exists() and not done and not overrides:
        return _recorded_table(recorded)
    raise UserError(
        f"study {study.name}: {done} of {len(runs.table)} runs are done; finish them: "
        f"{study.command('study run', overrides)}"
    )


def _recorded_table(path: Path) -> tuple[str, pd.DataFrame]:
    table = pd.read_csv(io.BytesIO(read_bytes(path)))
    factors = table["factors"].fillna("{}").map(json.loads)
    table["cell"] = [cell_name(arm, values) for arm, values in zip(table["arm"], factors, strict=True)]
    return "the recorded results.csv", table


def _line(check: Check) -> str:
    measured = "not done" if check.measured is None else f"{check.measured:.4f} (n={check.n})"
    mark = "holds" if check.holds else "FAILS"
    expected = f"{check.expected:.4f} +- {check.tolerance:.4f}"
    return f"{mark}  {check.cell:28} {check.metric:28} expected {expected}, is {measured}"


def _report(
    study: Study,
    planned: Sequence[Job],
    folder: Path,
    command: str,
    columns: Sequence[str] | None = None,
    judged: "Summary | None" = None,
) -> Written:
    lines: list[str] = []
    with naming(folder), working(f"{study.name}: writing the report"):
        runs = load_runs([job.run for job in planned])
        path = build_report(
            folder=folder,
            title=study.name,
            question=study.question,
            runs=runs,
            metrics=metrics_of(study, runs),
            baseline=study.baseline,
            controls=list(study.controls),
            conditions=study.conditions,
            labels=study.labels,
            arms=typed_differences(study, planned),
            margin=study.margin,
            columns=columns,
            data_description=_data_description(runs),
            command=command,
            judged=judged,
            on_comparison=lambda comparison: lines.extend(summary_lines(comparison)),
        )
    logger = planned[0].config["logger"]
    if logger["_target_"].endswith(".WandbRunLogger"):
        from interlace.studies.wandb_report import log_report  # imports Lightning, which other reports do not need

        log_report(study.name, folder, outputs_dir() / study.name, logger)
    return Written(path, lines)


def _data_description(runs: Runs) -> dict[str, Any]:
    """The entries of the data's description that all cells share, and class counts by setting where these differ."""
    first = {run.cell: run for run in reversed(runs.done)}
    by_cell = {cell: content for cell, run in first.items() if (content := described(run.directory))}
    found = list(by_cell.values())
    shared = found[0] if found else {}
    common = {key: value for key, value in shared.items() if all(each.get(key) == value for each in found)}
    counted = {
        f"{setting_name(first[cell].factors)}, train": counts.get("train", {})
        for cell, each in by_cell.items()
        if isinstance(counts := each.get("class_counts"), dict)
    }
    if "class_counts" not in common and counted:
        common = {"class_counts": counted, **common}
    notes = dict.fromkeys(note for each in found for note in each.get("notes", ()))
    return {**common, **({"notes": list(notes)} if notes else {})}


def _summary(outcome: Outcome, report: Path) -> dict[str, Any]:
    return {
        "report": str(report),
        "done": [os.fspath(path) for path in outcome.done],
        "earlier": [os.fspath(path) for path in outcome.earlier],
        "failed": {os.fspath(path): error for path, error in outcome.failed.items()},
    }
