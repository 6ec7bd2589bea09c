"""Lock of a run directory: one process at a time, on one machine or several that share the disk."""

import contextlib
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
from interlace.reading.documents import read_json
from interlace.tracking.processes import is_alive, is_here, this_process
from interlace.tracking.storage import naming

HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
WATCH_SECONDS = 3 * HEARTBEAT_SECONDS


class LockedError(RunFailure):
    """Another living process holds the run directory."""


class RunLock:
    """Holds `<directory>/run.lock` while entered; its owner renews it every few seconds.

    A lock is taken over when its process is gone (same machine), or when its last heartbeat is older than
    STALE_SECONDS and none comes for WATCH_SECONDS (another machine). Clocks of different machines are never compared:
    the age is taken from file times of the disk, and the wait for a heartbeat uses the monotonic clock, so that a wrong
    or changed clock neither breaks a valid lock nor keeps a stale one. Raises LockedError when the holder is alive,
    StorageError where the directory cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "run.lock"
        self.guard = directory / ".run.lock.guard"
        self.token = uuid.uuid4().hex
        self._stop = threading.Event()

    def __enter__(self) -> "RunLock":
        with naming(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # The last heartbeat of another machine's stale lock, and the time when it was first seen.
            watched: tuple[int, float] | None = None
            while (beat := self._take(watched)) is not None:
                watched = watched or (beat, time.monotonic())
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
        """The living process that holds the lock; None where none was found."""
        content = self._read()
        if content is None:
            return None
        if is_here(content):
            return content if is_alive(content) else None
        beat = self._beat()
        fresh = beat is not None and abs(self._disk_time() - beat) < STALE_SECONDS * 1e9
        return content if fresh else None

    def clear(self) -> None:
        """Removes the lock of a killed process of this machine, where the folder is writable."""
        if not self.path.exists():
            return
        with contextlib.suppress(OSError), self.guard.open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            content = self._read()
            if content is not None and is_here(content) and not is_alive(content):
                self.path.unlink(missing_ok=True)

    def _take(self, watched: tuple[int, float] | None) -> int | None:
        """Takes the lock and returns None; or returns the last heartbeat of another machine, to wait for its next.

        Checking and taking are one atomic step (flock). Raises LockedError when the holder is alive.
        """
        with self.guard.open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            content, holder, beat = self._read(), self.holder(), self._beat()
            missed = content is not None and holder is None and not is_here(content)
            if missed and watched is not None and beat not in (None, watched[0]):
                holder = content  # a new heartbeat has come
            if holder is not None:
                raise LockedError(f"{self.path.parent}: process {holder['pid']} on {holder['host']} is at this run")
            if missed and (watched is None or time.monotonic() - watched[1] < WATCH_SECONDS):
                return beat or 0
            self._write()
            return None

    def _beat(self) -> int | None:
        """Time of the last heartbeat, in nanoseconds of the disk's clock; None if the lock was released meanwhile."""
        try:
            return self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def _disk_time(self) -> int:
        """The present time in nanoseconds by the clock that dates files on this disk, which may be a file server's."""
        try:
            os.utime(self.guard)
            return self.guard.stat().st_mtime_ns
        except OSError:  # a read-only folder
            return time.time_ns()

    def _read(self) -> dict[str, Any] | None:
        try:
            content = read_json(self.path)
            return content if isinstance(content, dict) else None
        except (FileNotFoundError, ValueError):
            return None

    def _write(self) -> None:
        # A fixed name: there is one writer at a time, and the next one replaces the file of a killed one.
        temporary = self.path.with_name(".run.lock.new")
        temporary.write_text(json.dumps({**this_process(), "token": self.token}))
        temporary.replace(self.path)

    def _renew(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                os.utime(self.path)
            except OSError:
                return
