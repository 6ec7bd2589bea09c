"""One process at a time in a run directory, on one machine or several that share the disk."""

import fcntl
import json
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType

from interlace.errors import RunFailure

HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 60.0


class LockedError(RunFailure):
    """Another living process holds the run directory."""


class RunLock:
    """Holds `<directory>/run.lock` while entered; its owner renews it every few seconds.

    A lock is taken over when its process is gone (same host) or its last heartbeat is older than STALE_SECONDS
    (another host). Raises LockedError when the holder lives.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "run.lock"
        self.token = uuid.uuid4().hex
        self._stop = threading.Event()

    def __enter__(self) -> "RunLock":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with (self.path.parent / ".run.lock.guard").open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)  # looking and taking is one step
            holder = self.holder()
            if holder is not None:
                raise LockedError(f"{self.path.parent}: process {holder['pid']} on {holder['host']} is at this run")
            self._write()
        self._thread = threading.Thread(target=self._renew, daemon=True, name="run-lock")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if (self._read() or {}).get("token") == self.token:
            self.path.unlink(missing_ok=True)

    def holder(self) -> dict[str, object] | None:
        """Who holds the lock and lives, or None."""
        content = self._read()
        if content is None:
            return None
        if content["host"] == socket.gethostname():
            return content if _alive(int(content["pid"])) else None  # type: ignore[call-overload]
        try:
            age = time.time() - self.path.stat().st_mtime
        except FileNotFoundError:  # let go in between
            return None
        return content if age < STALE_SECONDS else None

    def _read(self) -> dict[str, object] | None:
        try:
            content = json.loads(self.path.read_text())
            return content if isinstance(content, dict) else None
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def _write(self) -> None:
        temporary = self.path.with_name(f".run.lock.{self.token}")
        temporary.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "token": self.token}))
        temporary.replace(self.path)

    def _renew(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                os.utime(self.path)
            except OSError:
                return


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a killed child that nobody has waited for yet still answers the signal
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return True
