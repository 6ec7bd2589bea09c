"""A study as a Python object, for notebooks: `interlace.study("study.yaml")`."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd

from interlace.configuration.cores import available_cores
from interlace.errors import RunFailure
from interlace.report.results import load_runs
from interlace.studies.metrics import metrics_of
from interlace.studies.planning import Job, plan
from interlace.studies.study import Study, load_study, select
from interlace.studies.verbs import run_study, write_report


class StudyHandle:
    """A study file with the verbs of `interlace study` as methods; errors are raised as UserError or RunFailure."""

    def __init__(self, study: Study, overrides: Sequence[str] = ()) -> None:
        self.study = study
        self.overrides = list(overrides)

    def __repr__(self) -> str:
        return f"StudyHandle({self.study.name!r}, arms={list(self.study.arms)}, seeds={self.study.seeds})"

    def plan(self) -> list[Job]:
        """The runs, each with its configuration and its directory."""
        return plan(self.study, self.overrides)

    def run(self, *, jobs: int | None = None, refresh: str | None = None, fail_fast: bool = False) -> "StudyHandle":
        """Makes the runs that are not finished, `jobs` at a time (None: one per core), and writes the report.

        Raises RunFailure where a run failed or was stopped.
        """
        code = run_study(
            self.study,
            self.overrides,
            jobs=jobs or available_cores(),
            fail_fast=fail_fast,
            refresh=refresh,
            as_json=False,
        )
        if code:
            raise RunFailure(f"study {self.study.name}: not all runs are finished; .table shows the state of each")
        return self

    def report(self, folder: str | Path | None = None) -> Path:
        """Writes the report of the finished runs; returns the path of its page."""
        return write_report(self.study, self.overrides, folder=None if folder is None else Path(folder)).page

    @property
    def table(self) -> pd.DataFrame:
        """A row for each planned run: arm, factors, seed, status, a column for each metric, costs, run_dir."""
        return load_runs([job.run for job in self.plan()]).table

    def _repr_html_(self) -> str:
        """HTML with the question, and for each arm the mean of the first metric and the number of finished runs."""
        runs = load_runs([job.run for job in self.plan()])
        metric = next(iter(metrics_of(self.study, runs)))
        table = runs.table if metric in runs.table else runs.table.assign(**{metric: float("nan")})
        rows = "".join(
            f"<tr><td>{escape(str(cell))}</td><td>{'' if pd.isna(found.mean()) else f'{found.mean():.4f}'}</td>"
            f"<td>{int(found.notna().sum())} of {len(found)}</td></tr>"
            for cell, found in table.groupby("cell", sort=False)[metric]
        )
        return (
            f"<p><b>{escape(self.study.name)}</b>: {escape(self.study.question)}</p><table><thead><tr><th>arm</th>"
            f"<th>mean {escape(metric)}</th><th>finished</th></tr></thead><tbody>{rows}</tbody></table>"
        )


def study(
    name_or_path: str | Path,
    overrides: Sequence[str] = (),
    *,
    arms: list[str] | None = None,
    seeds: list[int] | None = None,
) -> StudyHandle:
    """The study of a file, a folder or a name, with some of its arms or other seeds; UserError if it is not valid."""
    return StudyHandle(select(load_study(str(name_or_path)), arms=arms, seeds=seeds), overrides)
