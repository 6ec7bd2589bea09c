"""Progress of a study: on a terminal a bar for each running run, elsewhere a line for each finished one."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from interlace.studies.driver import Driver
from interlace.studies.metrics import default_metric, first_metric
from interlace.studies.planning import Job
from interlace.studies.study import Study
from interlace.tracking.files import read_json
from interlace.tracking.status import read_status


class StudyProgress:
    """Displays the state of a driver; the driver calls `show(driver)` several times a second."""

    def __init__(self, study: Study, jobs: Sequence[Job]) -> None:
        self.study = study
        self.jobs = {job.run.directory: job for job in jobs}
        self.metric = first_metric(study)
        self.console = Console(stderr=True)
        self.started = time.monotonic()
        self.reported: set[Path] = set()
        self.bars: dict[Path, TaskID] = {}
        self.progress = Progress(
            TextColumn("{task.description:32}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self.total: TaskID | None = None

    def __enter__(self) -> "StudyProgress":
        if self.console.is_terminal:
            self.total = self.progress.add_task(f"{self.study.name}: runs", total=len(self.jobs))
            self.progress.start()
        else:
            print(f"{self.study.name}: {len(self.jobs)} runs", file=sys.stderr, flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.total is not None:
            self.progress.stop()

    def show(self, driver: Driver) -> None:
        """Update the bars, and print a line for each run that has ended since the last call."""
        outcome = driver.outcome
        for directory in [*outcome.done, *outcome.failed]:
            if directory not in self.reported:
                self.reported.add(directory)
                self._print_run(directory, len(self.reported) + len(outcome.earlier), outcome.failed.get(directory))
        if self.total is not None:
            self._update_bars(driver, len(self.reported) + len(outcome.earlier))

    def _print_run(self, directory: Path, count: int, error: str | None) -> None:
        run = self.jobs[directory].run
        factors = " ".join(f"{k}={v}" for k, v in run.factors.items())
        name = f"{run.arm} {factors} seed {run.seed}".replace("  ", " ")
        if error is None:
            results = read_json(directory / "results.json")
            metric = self.metric or default_metric(results)
            value = results["metrics"].get(metric)
            outcome = f"{metric} {value:.4f}" if value is not None else "done"
            outcome += f"  {results['seconds']:.0f} s"
        else:
            outcome = f"failed: {error}"
        elapsed = time.monotonic() - self.started
        line = f"[{count:3}/{len(self.jobs)}] {elapsed:5.0f} s  {name:36} {outcome}"
        if self.total is not None:
            self.progress.console.print(line, highlight=False, markup=False)
        else:
            print(line, file=sys.stderr, flush=True)

    def _update_bars(self, driver: Driver, ended: int) -> None:
        assert self.total is not None
        self.progress.update(self.total, completed=ended)
        for directory in [d for d in self.bars if d not in driver.running]:
            self.progress.remove_task(self.bars.pop(directory))
        for directory, (job, _) in driver.running.items():
            status = read_status(directory)
            if directory not in self.bars:
                self.bars[directory] = self.progress.add_task(f"  {job.run.arm} seed {job.run.seed}", total=None)
            total = status.get("total_steps")
            if total:
                self.progress.update(self.bars[directory], completed=status.get("step", 0), total=total)
