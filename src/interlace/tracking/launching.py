"""Starts the ranks of a run on this machine, monitors them and reports their outcomes."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from interlace.errors import RunFailure, UserError
from interlace.tracking.checkpoints import Preempted
from interlace.tracking.files import write_json
from interlace.tracking.lock import LockedError
from interlace.tracking.processes import adopt_environment, stop_signals
from interlace.tracking.status import read_status

# Seconds in which the other ranks must end when one has failed, since they may wait for it forever.
GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """The outcome of a rank: "done", "user", "failure", "locked", "killed" or "preempted" (by signal `number`), and its
    message.

    `made`: return value of the body of a finished rank; False where the run was finished before.
    """

    kind: str
    text: str = ""
    number: int = 0
    made: bool = False


class Ranks:
    """`world_size` processes from a fork server with torch imported once, each of which calls `body(order)`.

    They rendezvous at a free port of this machine. Stop signals are forwarded to all ranks; when the launching process
    dies, each gets SIGTERM. When a rank fails, the others are killed unless they end within GRACE_SECONDS.
    """

    def __init__(self, body: Callable[[Any], bool], order: Any, world_size: int) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(["interlace.training"])
        environment = dict(os.environ) | _rendezvous(world_size)
        self.outcomes: dict[int, Outcome] = {}
        self.first_failed: int | None = None
        self.links: list[Connection] = []
        self.processes: list[BaseProcess] = []
        with _ignore_sigint():  # inherited by the fork server; ranks handle SIGINT again
            for rank in range(world_size):
                ours, theirs = context.Pipe()
                own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                process = context.Process(target=_run_rank, args=(body, order, environment | own, theirs))
                process.start()
                theirs.close()
                self.links.append(ours)
                self.processes.append(process)

    def wait(self) -> None:
        """Wait until all ranks have ended."""
        deadline = None
        with _forward_signals(self._signal):
            while alive := [p for p in self.processes if p.is_alive()]:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    for process in alive:
                        process.kill()
                    left = 1.0
                connection.wait([p.sentinel for p in alive], timeout=left)
                self._collect()
                if self.first_failed is not None and deadline is None:
                    deadline = time.monotonic() + GRACE_SECONDS
        self._collect()

    def _signal(self, number: int) -> None:
        for process in self.processes:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, number)

    def _collect(self) -> None:
        """Store the outcomes of ranks that have ended."""
        for rank, (process, link) in enumerate(zip(self.processes, self.links, strict=True)):
            if rank in self.outcomes or process.is_alive():
                continue
            process.join()
            self.outcomes[rank] = _outcome(rank, process.exitcode, link)
        bad = [rank for rank, outcome in self.outcomes.items() if outcome.kind != "done"]
        # A killed rank is the cause of the failure of others, whichever was seen to end first.
        bad.sort(key=lambda rank: self.outcomes[rank].kind != "killed")
        if self.first_failed is None and bad:
            self.first_failed = bad[0]

    @property
    def made(self) -> bool:
        """The return value of the body of rank zero."""
        return self.outcomes[0].made

    def raise_for(self, directory: Path) -> None:
        """Raises the error that a run in one process would have raised; does nothing when all ranks are done."""
        if self.first_failed is None:
            return
        outcome = self.outcomes[self.first_failed]
        if outcome.kind == "preempted":
            raise Preempted(outcome.number)
        if outcome.kind == "locked":
            raise LockedError(outcome.text)
        if outcome.kind == "user":
            raise UserError(outcome.text)
        if outcome.kind == "killed" or self.first_failed > 0:  # rank zero has not written this error to status.json
            end_as_failed(directory, outcome.text)
            raise RunFailure(f"{directory}: {outcome.text}; the same command continues from its last checkpoint")
        raise RunFailure(outcome.text)


def end_as_failed(directory: Path, error: str) -> None:
    """Write the error to status.json of a run whose own process could not."""
    status = read_status(directory)
    if status["status"] in ("running", "failed"):
        write_json(directory / "status.json", {**status, "status": "failed", "error": error, "ended": time.time()})


def _outcome(rank: int, exit_code: int | None, link: Connection) -> Outcome:
    with contextlib.suppress(EOFError, ConnectionResetError, OSError):
        if link.poll():
            found: Outcome = link.recv()
            return found
    how = f"exit code {exit_code}" if exit_code is None or exit_code >= 0 else signal.Signals(-exit_code).name
    return Outcome("killed", f"the process of rank {rank} ended by {how}, and the other ranks were stopped")


def _rendezvous(world_size: int) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return {
        "WORLD_SIZE": str(world_size),
        "LOCAL_WORLD_SIZE": str(world_size),
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }


def _run_rank(body: Callable[[Any], bool], order: Any, environment: Mapping[str, str], link: Connection) -> None:
    """The main function of a rank's process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    adopt_environment(environment)
    sys.stdout.flush()
    os.dup2(2, 1)  # results are printed by the process that launched the ranks
    threading.Thread(target=_stop_without_launcher, args=(link,), daemon=True, name="launcher").start()
    outcome = _run_body(body, order)
    with contextlib.suppress(BrokenPipeError):
        link.send(outcome)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit, which would wait for threads of a process group whose peers are gone.
    os._exit(0 if outcome.kind == "done" else 1)


def _run_body(body: Callable[[Any], bool], order: Any) -> Outcome:
    try:
        made = body(order)
    except Preempted as stop:
        return Outcome("preempted", str(stop), stop.exit_code - 128)
    except LockedError as error:
        return Outcome("locked", str(error))
    except UserError as error:
        return Outcome("user", str(error))
    except BaseException as error:
        first = (str(error).strip().splitlines() or [""])[0]
        text = first if isinstance(error, RunFailure) else f"{type(error).__name__}: {first}"
        return Outcome("failure", text if os.environ["RANK"] == "0" else f"rank {os.environ['RANK']}: {text}")
    return Outcome("done", made=made)


def _stop_without_launcher(link: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        link.recv()
    os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def _ignore_sigint() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _forward_signals(send: Callable[[int], None]) -> Iterator[None]:
    """Forwards stop signals to the ranks; only in the main thread, where Python allows signal handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        send(number)

    before = {number: signal.signal(number, handle) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
