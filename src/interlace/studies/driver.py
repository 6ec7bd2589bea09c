"""Makes the runs of a study in parallel worker processes; each is made once, and a crash ends only one run."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection, forkserver
from pathlib import Path
from types import FrameType
from typing import Any

from interlace.configuration.cores import threads_of_each
from interlace.configuration.paths import check_paths
from interlace.errors import UserError
from interlace.studies.planning import Job
from interlace.studies.workers import FOUND, LOCKED, Worker, shareable
from interlace.tracking.lock import RunLock
from interlace.tracking.processes import stop_signals
from interlace.tracking.refreshing import refresh_run
from interlace.tracking.status import is_done, read_status

POLL_SECONDS = 0.2


@dataclass
class Outcome:
    """Run directories by outcome: done now, done earlier, failed with the reason; `stopped_by` is a signal's number."""

    done: list[Path] = field(default_factory=list)
    earlier: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    stopped_by: int | None = None

    def add(self, other: "Outcome") -> None:
        """Adds the outcome of further runs."""
        self.done += other.done
        self.earlier += other.earlier
        self.failed |= other.failed
        self.stopped_by = other.stopped_by


class Driver:
    """Makes `parallel` of the `jobs` at a time in processes of a fork server with the heavy imports preloaded.

    A process makes up to `runs_per_process` runs in turn (None: no limit); each has the same metrics as in a
    process of its own. A run that fails ends its process, and the next run starts a new one. A run that names files
    or folders that do not exist, such as weights that were not fetched, fails without a process.

    Finished runs are skipped. The driver waits for a run that another driver has locked, and makes it if that driver
    dies. A failed run is recorded and the others continue, unless `fail_fast`. On SIGINT, SIGTERM or SIGHUP running
    ones save a checkpoint and stop; a second signal kills them. `on_change(driver)` is called about five times a
    second. With `gpus` (as many as `parallel`) each run sees one GPU.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        parallel: int,
        fail_fast: bool = False,
        refresh: str | None = None,
        runs_per_process: int | None = None,
        gpus: Sequence[str] | None = None,
        on_change: Callable[["Driver"], None] = lambda driver: None,
    ) -> None:
        self.jobs = list(jobs)
        self.parallel = parallel
        self.fail_fast = fail_fast
        self.on_change = on_change
        self.outcome = Outcome()
        self.runs_per_process = runs_per_process
        self.free = list(gpus or [])
        self.running: dict[Path, tuple[Job, Worker]] = {}
        self.idle: list[Worker] = []
        self.waiting: list[Job] = []
        self._asked: set[Path] = set()
        self.threads = threads_of_each(parallel)
        for job in jobs:
            if gpus is not None and job.config["trainer"]["devices"] > 1:
                raise UserError(f"{job.run.directory}: a run on each GPU needs trainer.devices=1; this one has several")
            if refresh is not None:
                refresh_run(job.run.directory, refresh)
        self._context = multiprocessing.get_context("forkserver")

    def drive(self) -> Outcome:
        """Runs until every run is done or failed, or until stopped."""
        self.waiting = [job for job in self.jobs if not self._is_done(job, self.outcome.earlier)]
        stopping = [number for number in stop_signals() if number != signal.SIGUSR1]
        before = {number: signal.signal(number, self._stop) for number in stopping}
        try:
            while self.running or (self._left() and not self._stopping()):
                self._collect()
                if self.outcome.stopped_by is not None:
                    self._ask_to_stop()
                if not self._stopping():
                    self._start()
                self.on_change(self)
                self._wait()
        finally:
            for _, worker in self.running.values():
                worker.stop()
            for worker in self.idle:
                worker.close()
            for number, handler in before.items():
                signal.signal(number, handler)
        self.on_change(self)
        return self.outcome

    def _left(self) -> bool:
        """True while there are runs to start, now or later."""
        return bool(self.waiting)

    def _wait(self) -> None:
        """Wait until a run ends, at most POLL_SECONDS."""
        if self.running:
            connection.wait([each for _, w in self.running.values() for each in w.signs_of_end], timeout=POLL_SECONDS)
        else:
            time.sleep(POLL_SECONDS)

    def _stopping(self) -> bool:
        return self.outcome.stopped_by is not None or (self.fail_fast and bool(self.outcome.failed))

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.outcome.stopped_by is not None:  # second signal: end at once; the last checkpoints remain
            for _, worker in self.running.values():
                worker.kill()
        self.outcome.stopped_by = number

    def _ask_to_stop(self) -> None:
        """Ask each running run, once, to save a checkpoint and end."""
        for directory, (_, worker) in self.running.items():
            if directory not in self._asked:
                self._asked.add(directory)
                worker.stop()

    def _is_done(self, job: Job, into: list[Path]) -> bool:
        if is_done(job.run.directory):
            RunLock(job.run.directory).clear()  # its process may have been killed before it removed the lock
            into.append(job.run.directory)
            return True
        return False

    def _start(self) -> None:
        for job in list(self.waiting):
            if len(self.running) >= self.parallel or self._stopping():
                return
            if not all(is_done(path) for path in job.needs):
                self._give_up_without_parent(job)
                continue
            if not self._has_its_files(job):
                continue
            if job.run.directory in self.running or RunLock(job.run.directory).holder() is not None:
                continue
            self.waiting.remove(job)
            # Checked again after the lock: another driver may have finished the run and released it in between.
            if not self._is_done(job, self.outcome.earlier):
                worker = self._worker(job)
                worker.begin(job, self.threads, self.free.pop(0) if self.free else None)
                self.running[job.run.directory] = (job, worker)

    def _give_up_without_parent(self, job: Job) -> None:
        """Record a run as failed where a run that it starts from has failed."""
        for path in job.needs:
            if path in self.outcome.failed:
                self.waiting.remove(job)
                self.outcome.failed[job.run.directory] = f"not started: {path}, which it starts from, failed"
                return

    def _has_its_files(self, job: Job) -> bool:
        """True where the files and folders that a run names exist; else it is recorded as failed, without a process."""
        try:
            check_paths(job.config)
        except UserError as error:
            self.waiting.remove(job)
            self.outcome.failed[job.run.directory] = f"not started: {error}"
            return False
        return True

    def _worker(self, job: Job) -> Worker:
        """An idle process where the run may share one, else a new one."""
        while shareable(job.config) and self.idle:
            worker = self.idle.pop()
            if worker.process.is_alive():
                return worker
        return self._new_worker()

    def _new_worker(self) -> Worker:
        start_fork_server()
        return Worker(self._context)

    def _collect(self) -> None:
        for directory, (job, worker) in list(self.running.items()):
            if not worker.ended():
                continue
            del self.running[directory]
            if worker.gpu is not None:
                self.free.append(worker.gpu)
            self._keep_or_close(job, worker)
            if worker.exit_code == LOCKED:
                self.waiting.append(job)
            elif worker.exit_code == FOUND:
                self._is_done(job, self.outcome.earlier)
            elif not self._is_done(job, self.outcome.done) and self.outcome.stopped_by is None:
                self.outcome.failed[directory] = failure(directory, worker.exit_code)

    def _keep_or_close(self, job: Job, worker: Worker) -> None:
        full = self.runs_per_process is not None and worker.made >= self.runs_per_process
        if worker.reusable and shareable(job.config) and not full:
            self.idle.append(worker)
        else:
            worker.close()


def start_fork_server() -> None:
    """Starts the fork server, which imports in the background; does nothing where it runs already.

    The server ignores SIGINT, which would interrupt its imports; worker processes handle the signal again.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload(["interlace.studies.preload"])
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def stop_fork_server() -> None:
    """Kills the fork server, also while it imports; call it only when no worker is left."""
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGKILL)
        server._stop()  # resets its state, so that ensure_running starts another


def failure(directory: Path, exit_code: int | None) -> str:
    """The reason of a failure: the error in the run's status, else the signal or exit code of its process."""
    status = read_status(directory)
    if status["status"] == "failed" and status.get("error"):
        return str(status["error"])
    name = signal.Signals(-exit_code).name if exit_code is not None and exit_code < 0 else f"exit code {exit_code}"
    return f"its process ended by {name} (see {directory / 'train.log'}); run the study again to resume it"
