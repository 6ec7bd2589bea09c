"""Makes the trials of a sweep: takes one from the trial store, makes its runs, and stores its outcome."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.errors import UserError
from interlace.studies.driver import Driver
from interlace.studies.planning import Job
from interlace.studies.sweep.trial_store import Trial, TrialStore
from interlace.studies.workers import Worker
from interlace.tracking.files import read_json
from interlace.tracking.metrics_file import read_metrics
from interlace.tracking.status import is_done, read_status

RETRY_SECONDS = 1.0  # between checks for trials that other drivers have released


@dataclass(frozen=True)
class Ending:
    """The outcome of a trial: "done" with its values, "pruned", "failed" or "interrupted" with the reason."""

    trial: Trial
    state: str
    values: tuple[float, ...] = ()
    reason: str = ""


@dataclass
class _Open:
    """A trial in progress: its runs, and how many of them have been queued."""

    trial: Trial
    jobs: list[Job]
    begun: int

    @property
    def runs(self) -> list[str]:
        return ["/".join(job.run.directory.parts[-2:]) for job in self.jobs[: self.begun]]


class SweepDriver(Driver):
    """A driver that makes the runs of the trials in a store, until all trials of the sweep have ended.

    A trial ends as done with the means over its seeds, as pruned when its first run was stopped early, as failed when
    a run failed or an objective is not finite. A trial whose process was killed is released, and this driver does not
    take it again, as the cause (such as lack of memory) may persist; another driver or a later command resumes it. The
    driver waits for trials that other drivers have claimed. `endings` lists the trials that ended here, in order.
    """

    def __init__(
        self,
        trial_store: TrialStore,
        jobs_of: Callable[[Trial], list[Job]],
        *,
        parallel: int,
        on_change: Callable[[Driver], None] = lambda driver: None,
    ) -> None:
        super().__init__([], parallel=parallel, on_change=on_change)
        self.trial_store = trial_store
        self.search = trial_store.search
        self.jobs_of = jobs_of
        self.endings: list[Ending] = []
        self.open: dict[tuple[str, int], _Open] = {}
        self.released: set[tuple[str, int]] = set()
        self._more = True
        self._look_again = 0.0

    def _left(self) -> bool:
        return bool(self.waiting) or self._more

    def _start(self) -> None:
        while len(self.running) + len(self.waiting) < self.parallel and time.monotonic() >= self._look_again:
            trial = self.trial_store.take(exclude=self.released)
            if trial is None:
                self._look_again = time.monotonic() + RETRY_SECONDS
                self._more = bool(self.trial_store.unfinished() - self.released)
            else:
                self._begin(trial)
        super()._start()

    def _begin(self, trial: Trial) -> None:
        try:
            jobs = self.jobs_of(trial)
        except UserError as error:  # an invalid combination of options; other trials may be valid
            self.trial_store.fail(trial, str(error))
            self.endings.append(Ending(trial, "failed", reason=str(error)))
            return
        first = 1 if self.search.pruner.name != "none" else len(jobs)
        self.open[trial.key] = _Open(trial, jobs, first)
        self.waiting += jobs[:first]

    def _is_done(self, job: Job, into: list[Path]) -> bool:
        if super()._is_done(job, into):
            return True
        if self._is_pruned(job):
            into.append(job.run.directory)
            return True
        return False

    def _is_pruned(self, job: Job) -> bool:
        pruning = self.search.pruner.name != "none" and job.reports
        return pruning and read_status(job.run.directory)["status"] == "pruned"

    def _collect(self) -> None:
        super()._collect()
        for job, worker in list(self.running.values()):
            if worker.report is not None:
                self._answer(job, worker)
        if self.outcome.stopped_by is None:
            self._settle()

    def _answer(self, job: Job, worker: Worker) -> None:
        """Answers a run that has reported its metrics: continue or stop."""
        assert worker.report is not None
        metrics, epochs = worker.report.metrics, worker.report.epochs
        pruning = self.search.pruner.name != "none"
        if self.search.metric in metrics:
            trial = next(each.trial for each in self.open.values() if any(job is own for own in each.jobs))
            worker.answer(self.trial_store.report(trial, epochs, metrics[self.search.metric]))
        elif pruning:
            raise UserError(_no_metric(self.search.metric, job.run.directory, metrics))
        else:  # an objective that is measured only at the end
            worker.answer(False)

    def _settle(self) -> None:
        """Stores the outcome of trials whose runs have ended, and queues further runs of the others."""
        busy = {*self.running, *(job.run.directory for job in self.waiting)}
        for each in list(self.open.values()):
            begun = each.jobs[: each.begun]
            if any(job.run.directory in busy for job in begun):
                continue
            self._look_again = 0.0
            unmade = [job for job in begun if not is_done(job.run.directory) and not self._is_pruned(job)]
            if unmade:
                self._end_unfinished(each, unmade[0].run.directory)
            elif self._is_pruned(each.jobs[0]):
                self.trial_store.prune(each.trial, self._curve(each), each.runs)
                self._end(each, Ending(each.trial, "pruned"))
            elif each.begun < len(each.jobs):
                self.waiting += each.jobs[each.begun :]
                each.begun = len(each.jobs)
            else:
                self._complete(each)

    def _end_unfinished(self, each: _Open, directory: Path) -> None:
        """Ends a trial of which a run failed, or releases one whose process was killed."""
        reason = self.outcome.failed.get(directory, "not finished")
        if read_status(directory)["status"] == "failed":
            self.trial_store.fail(each.trial, reason, each.runs)
            self._end(each, Ending(each.trial, "failed", reason=reason))
        else:
            self.released.add(each.trial.key)
            self.trial_store.release(each.trial)
            self._end(each, Ending(each.trial, "interrupted", reason=reason))

    def _complete(self, each: _Open) -> None:
        values = tuple(
            math.fsum(_objective(job.run.directory, name) for job in each.jobs) / len(each.jobs)
            for name in self.search.objectives
        )
        if all(map(math.isfinite, values)):
            self.trial_store.complete(each.trial, values, self._curve(each), each.runs)
            self._end(each, Ending(each.trial, "done", values))
        else:
            reason = f"{' or '.join(self.search.objectives)} is not a finite number"
            self.trial_store.fail(each.trial, reason, each.runs)
            self._end(each, Ending(each.trial, "failed", reason=reason))

    def _end(self, each: _Open, ending: Ending) -> None:
        del self.open[each.trial.key]
        self.endings.append(ending)

    def _curve(self, each: _Open) -> dict[int, float]:
        """The reports of the first run, read from its metrics, as a run that an earlier trial made has not reported."""
        return curve(each.jobs[0].run.directory, self.search.metric) if each.jobs[0].reports else {}


def curve(directory: Path, metric: str) -> dict[int, float]:
    """A validation metric by number of epochs done."""
    rows = [row for row in read_metrics(directory / "metrics.jsonl") if row.get(metric) is not None]
    found: dict[int, float] = {}
    for row in rows:
        if row.get("epoch") is not None:
            found.setdefault(int(row["epoch"]) + 1, float(row[metric]))
    return found


def _objective(directory: Path, name: str) -> float:
    """An objective from results.json: a validation metric, or a cost."""
    results = read_json(directory / "results.json")
    metrics = results["metrics"]
    if name.startswith("val/"):
        if name not in metrics:
            raise UserError(_no_metric(name, directory, metrics))
        value = metrics[name]
    else:
        value = results.get(name)
    return math.nan if value is None else float(value)


def _no_metric(name: str, directory: Path, metrics: Mapping[str, Any]) -> str:
    known = ", ".join(sorted(each for each in metrics if each.startswith("val/") and each.count("/") == 1))
    return f"search.objectives: {directory} does not report {name!r}; it has {known}"
