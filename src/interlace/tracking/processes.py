"""Identity of processes: numbers are reused, and hosts may share a name."""

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
    """Signals on which a run saves and ends; not SIGHUP where it is ignored, as under nohup."""
    return tuple(n for n in STOPPING if n != signal.SIGHUP or signal.getsignal(n) is not signal.SIG_IGN)


def this_process() -> dict[str, Any]:
    """The identity of this process: host, boot, namespace of numbers, number, start."""
    return {"host": socket.gethostname(), **_place(), "pid": os.getpid(), "started": started(os.getpid())}


def is_here(process: dict[str, Any]) -> bool:
    """Return whether a process' number means something on this machine, since it was started.

    A host of the same name that was booted again, or is another one, or a container beside this one, is not here.
    """
    if process["host"] != socket.gethostname():
        return False
    return all(process.get(key) in (None, value) for key, value in _place().items() if value is not None)


def is_alive(process: dict[str, Any]) -> bool:
    """Return whether a process of this machine still runs: its number is taken, by one that was started when it was."""
    pid, start = int(process["pid"]), process.get("started")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    state = _state(pid)
    if state is None:  # no /proc
        return True
    # A killed child that nobody has waited for yet still answers the signal.
    return state[0] != "Z" and (start is None or started(pid) in (None, start))


def started(pid: int) -> int | None:
    """Start time of a process, in ticks since the machine's start; None if the system does not tell it."""
    state = _state(pid)
    return None if state is None else int(state[19])


def _state(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the third on: the name, the second, may hold anything (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None


@cache
def _place() -> dict[str, str | None]:
    """This boot of this machine, and the namespace that its process numbers are of."""
    found: dict[str, str | None] = {"boot": None, "namespace": None}
    try:
        found["boot"] = BOOT.read_text().strip()
        found["namespace"] = os.readlink("/proc/self/ns/pid")
    except OSError:
        pass  # not Linux: the name of the host has to do
    return found


def adopt_environment(environment: Mapping[str, str]) -> None:
    """Gives a process of a fork server the environment of who asks for it, in place of that at the server's start.

    Variables that are set on import (OMP_NUM_THREADS by a library, say) stay; those of interlace that are no longer
    set, such as INTERLACE_PLUGINS, go.
    """
    for name in os.environ.keys() - environment.keys():
        if name.startswith("INTERLACE_"):
            del os.environ[name]
    os.environ.update(environment)
