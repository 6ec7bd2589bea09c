"""One process at a time in a run directory, on one machine or several that share the disk."""

import fcntl
import json
import os
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

from interlace.errors import RunFailure
from interlace.tracking.processes import is_alive, is_here, this_process
from interlace.tracking.storage import naming

HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
WATCH_SECONDS = 3 * HEARTBEAT_SECONDS
# Locks of other machines whose heartbeat is missing: the last one, and since when this process has waited for the next.
_watched: dict[Path, tuple[int, float]] = {}


class LockedError(RunFailure):
    """Another living process holds the run directory."""


class RunLock:
    """Holds `<directory>/run.lock` while entered; its owner renews it every few seconds.

    A lock is taken over when its process is gone (same machine), or when its last heartbeat is older than
    STALE_SECONDS and none comes for WATCH_SECONDS (another machine). No clock of this machine is compared with that of
    another: the age is taken from the disk's own times, and a heartbeat is waited for in seconds that no clock
    change touches, so that a clock set forward takes nobody's lock and one set back keeps none for ever.
    Raises LockedError when the holder lives, StorageError where the directory cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "run.lock"
        self.guard = directory / ".run.lock.guard"
        self.token = uuid.uuid4().hex
        self._stop = threading.Event()

    def __enter__(self) -> "RunLock":
        with naming(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            while (holder := self._take()) is not None:
                if not self._is_watched():
                    host, pid = holder["host"], holder["pid"]
                    raise LockedError(f"{self.path.parent}: process {pid} on {host} is at this run")
                time.sleep(WATCH_SECONDS / 10)
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

    def holder(self) -> dict[str, Any] | None:
        """Who holds the lock and lives, or None. A heartbeat that is missed is watched for over several calls."""
        content = self._read()
        if content is None:
            return None
        if is_here(content):
            return content if is_alive(content) else None
        try:
            beat = self.path.stat().st_mtime_ns
        except FileNotFoundError:  # let go in between
            return None
        if abs(self._disk_time() - beat) < STALE_SECONDS * 1e9:
            _watched.pop(self.path, None)
            return content
        seen, since = _watched.setdefault(self.path, (beat, time.monotonic()))
        if seen != beat:
            _watched[self.path] = (beat, time.monotonic())
        elif time.monotonic() - since > WATCH_SECONDS:
            return None
        return content

    def _take(self) -> dict[str, Any] | None:
        """Takes the lock, or gives its holder: looking and taking is one step."""
        with self.guard.open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            holder = self.holder()
            if holder is None:
                self._write()
                _watched.pop(self.path, None)
            return holder

    def _is_watched(self) -> bool:
        return self.path in _watched

    def _disk_time(self) -> int:
        """Nanoseconds of the clock that also dated the heartbeats: a server's, where the disk is one's."""
        try:
            os.utime(self.guard)
            return self.guard.stat().st_mtime_ns
        except OSError:  # a folder that may only be read
            return time.time_ns()

    def _read(self) -> dict[str, Any] | None:
        try:
            content = json.loads(self.path.read_text())
            return content if isinstance(content, dict) else None
        except (FileNotFoundError, ValueError):
            return None

    def _write(self) -> None:
        temporary = self.path.with_name(f".run.lock.{self.token}")
        try:
            temporary.write_text(json.dumps({**this_process(), "token": self.token}))
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)

    def _renew(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                os.utime(self.path)
            except OSError:
                return
