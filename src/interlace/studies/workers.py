"""Worker processes that make one run, or several in turn."""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from interlace.studies.planning import Job
from interlace.tracking.memory import forget_peak, give_back_memory
from interlace.tracking.processes import adopt_environment

LOCKED = 75  # EX_TEMPFAIL: another process locked the run after the driver had checked it
PRUNED = 76  # the driver stopped the run early
FOUND = 77  # another process finished the run after the driver had checked it
# configuration, overrides, directory, threads of the run, the visible GPU (None: all), True where the run reports
Order = tuple[dict[str, Any], list[str], Path, int, str | None, bool]


@dataclass(frozen=True)
class Report:
    """A message of a reporting run after a validation; the run waits for the answer: stop or continue."""

    epochs: int
    metrics: dict[str, float]


class Worker:
    """A process started from the fork server that makes the runs it is given, one at a time.

    State that could affect the next run is set by each run (seeds, threads, determinism) or removed at its end. After a
    crash, an error or a stop the process ends, so that no further run starts in it.
    """

    def __init__(self, context: ForkServerContext) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=make_runs, args=(theirs, dict(os.environ)))
        self.process.start()
        theirs.close()
        self.made = 0
        self.exit_code: int | None = None
        self.gpu: str | None = None
        self.report: Report | None = None  # unanswered

    def begin(self, job: Job, threads: int, gpu: str | None = None) -> None:
        """Send a run to the process; `ended` returns True once it is over."""
        self.exit_code = None
        self.gpu = gpu
        self.report = None
        self.made += 1
        with contextlib.suppress(BrokenPipeError):  # it has died since the last check; `ended` reports that
            self.connection.send((job.config, list(job.run.overrides), job.run.directory, threads, gpu, job.reports))

    def answer(self, stop: bool) -> None:
        """Answer a run that has reported: True to stop it."""
        self.report = None
        with contextlib.suppress(BrokenPipeError):
            self.connection.send(stop)

    @property
    def signs_of_end(self) -> list[Any]:
        """Objects for `multiprocessing.connection.wait`; one is ready once `ended` may be true."""
        return [self.connection, self.process.sentinel]

    def ended(self) -> bool:
        """True once the run is over; `exit_code` is then what a process for this run alone would have returned."""
        with contextlib.suppress(EOFError, ConnectionResetError):
            if self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, Report):
                    self.report = message
                    return False
                self.exit_code = int(message)
                return True
        if not self.process.is_alive():
            self.process.join()
            self.exit_code = self.process.exitcode
            return True
        return False

    @property
    def reusable(self) -> bool:
        """True where the process may make another run."""
        return self.exit_code in (0, FOUND) and self.process.is_alive()

    def stop(self) -> None:
        """Send SIGTERM: a run saves a checkpoint and ends; an idle process ends."""
        self.process.terminate()

    def kill(self) -> None:
        """Kill the process."""
        self.process.kill()

    def close(self) -> None:
        """Close the connection, which ends an idle worker."""
        self.connection.close()


def shareable(config: Mapping[str, Any]) -> bool:
    """True where a run may share a process with earlier runs: on one CPU device.

    A CUDA context and processes of other ranks cannot be shared.
    """
    trainer = config["trainer"]
    return bool(trainer["accelerator"] == "cpu" and trainer["devices"] == 1 and trainer["num_nodes"] == 1)


def make_runs(connection: Connection, environment: Mapping[str, str]) -> None:
    """The main function of a worker: makes runs until one fails or is stopped, or the driver closes the connection.

    `environment`: that of the driver.
    """
    adopt_environment(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # between runs; the driver handles Ctrl-C
    while True:
        try:
            order: Order = connection.recv()
        except EOFError:
            return
        code = make_run(*order, connection=connection)
        with contextlib.suppress(BrokenPipeError):  # the driver has died; the run is on disk
            connection.send(code)
        if code not in (0, FOUND):
            sys.exit(code)
        gc.collect()
        give_back_memory()


def make_run(
    config: dict[str, Any],
    overrides: list[str],
    directory: Path,
    threads: int,
    gpu: str | None = None,
    reports: bool = False,
    *,
    connection: Connection,
) -> int:
    """Make one run with its output in train.log; return its exit code (0, 1, LOCKED, PRUNED, FOUND or 128+signal)."""
    import interlace.training as training
    from interlace.tracking.checkpoints import Preempted
    from interlace.tracking.lock import LockedError
    from interlace.tracking.pruning import ValidationReports
    from interlace.tracking.status import read_status

    directory.mkdir(parents=True, exist_ok=True)
    forget_peak()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    sys.stdout.flush()
    sys.stderr.flush()
    with (directory / "train.log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if config["trainer"]["threads"] is None:
        own = max(1, threads // config["trainer"]["devices"])
        config = {**config, "trainer": {**config["trainer"], "threads": own}}
    callback = ValidationReports(lambda *report: _ask(connection, Report(*report))) if reports else None
    try:
        made = training.make(config, directory, overrides=overrides, quiet=True, callback=callback)
    except LockedError:
        return LOCKED
    except Preempted as stop:
        return stop.exit_code
    except Exception:  # the traceback is in train.log, the sentence in status.json
        return 1
    if not made:
        return FOUND
    return PRUNED if read_status(directory)["status"] == "pruned" else 0


def _ask(connection: Connection, report: Report) -> bool:
    """The driver's answer. Where the driver has died, raises Preempted, so that the next driver resumes the run."""
    from interlace.tracking.checkpoints import Preempted

    try:
        connection.send(report)
        return bool(connection.recv())
    except (EOFError, OSError):
        raise Preempted(signal.SIGHUP) from None
