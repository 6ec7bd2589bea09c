"""Identity of processes: a PID alone is not enough, as PIDs are reused and hosts may share a name."""

import os
import signal
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)
BOOT = Path("/proc/sys/kernel/random/boot_id")


def stop_signals() -> tuple[signal.Signals, ...]:
    """Signals on which a run saves and ends; without SIGHUP where it is ignored, as under nohup."""
    return tuple(n for n in STOPPING if n != signal.SIGHUP or signal.getsignal(n) is not signal.SIG_IGN)


def this_process() -> dict[str, Any]:
    """The identity of this process: host, boot id, PID namespace, PID, start time."""
    return {"host": socket.gethostname(), **_place(), "pid": os.getpid(), "started": started(os.getpid())}


def is_here(process: dict[str, Any]) -> bool:
    """True where a process belongs to this boot of this machine and to this PID namespace.

    False for another host of the same name, for the host before a reboot, and for another container.
    """
    if process["host"] != socket.gethostname():
        return False
    return all(process.get(key) in (None, value) for key, value in _place().items() if value is not None)


def is_alive(process: dict[str, Any]) -> bool:
    """True where a process of this machine still runs: its PID is in use, by a process with the same start time."""
    pid, start = int(process["pid"]), process.get("started")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # a process of another user
    state = _state(pid)
    if state is None:  # no /proc
        return True
    # A zombie, a dead child that was not waited for, still accepts the signal.
    return state[0] != "Z" and (start is None or started(pid) in (None, start))


def started(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None where it is not available."""
    state = _state(pid)
    return None if state is None else int(state[19])


def _state(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the third on; the second, the name, may contain any characters (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None


@cache
def _place() -> dict[str, str | None]:
    """The boot id of this machine and the PID namespace of this process; None where not available."""
    found: dict[str, str | None] = {"boot": None, "namespace": None}
    try:
        found["boot"] = BOOT.read_text().strip()
        found["namespace"] = os.readlink("/proc/self/ns/pid")
    except OSError:
        pass  # not Linux: only the host name is compared
    return found


def adopt_environment(environment: Mapping[str, str]) -> None:
    """Sets the environment of a fork server's process to that of its requester, instead of that at the server's start.

    Variables that libraries set on import (such as OMP_NUM_THREADS) are kept; variables INTERLACE_* that are no longer
    set are removed.
    """
    for name in os.environ.keys() - environment.keys():
        if name.startswith("INTERLACE_"):
            del os.environ[name]
    os.environ.update(environment)
