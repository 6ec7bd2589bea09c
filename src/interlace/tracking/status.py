"""status.json: the state of a run, readable at any time."""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from interlace.errors import UserError
from interlace.inputs.checksums import damaged_files, recorded_checksums
from interlace.tracking.files import read_json, write_json
from interlace.tracking.identity import seed_name


class Status:
    """Writes `<directory>/status.json` atomically at each change of state, and in training at most once a second."""

    def __init__(self, directory: Path, config: Mapping[str, Any]) -> None:
        self.path = directory / "status.json"
        self.content: dict[str, Any] = {
            "status": "running",
            "study": config["study"],
            "arm": config["arm"],
            "factors": config["factors"],
            "seed": config["seed"]["model"],
            "seed_name": seed_name(config["seed"]),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": time.time(),
            "heartbeat": time.time(),
            "ended": None,
            "error": None,
            "step": 0,
            "total_steps": None,
        }
        self._written = 0.0

    def update(self, **fields: Any) -> None:
        """Changes fields and writes the file."""
        self.content.update(fields, heartbeat=time.time())
        write_json(self.path, self.content)
        self._written = time.monotonic()

    def beat(self, step: int) -> None:
        """Sets the step, and writes the file if the last write is over a second old."""
        if time.monotonic() - self._written > 1.0:
            self.update(step=step)

    def end(self, status: str, error: str | None = None) -> None:
        """Sets the final state: done, failed or preempted."""
        self.update(status=status, error=error, ended=time.time())


def is_done(directory: Path) -> bool:
    """True where the run is finished and its files except checkpoints are undamaged (files.json).

    A run of an older version without files.json is finished when its status is "done" and its results are readable.
    """
    if recorded_checksums(directory) is not None:
        return not damaged_files(directory)
    if read_status(directory)["status"] != "done":
        return False
    try:
        return isinstance(read_json(directory / "results.json"), dict)
    except (OSError, ValueError, UserError):
        return False


def read_status(directory: Path) -> dict[str, Any]:
    """The content of status.json; {"status": "pending"} where there is none."""
    try:
        content = read_json(directory / "status.json")
        return content if isinstance(content, dict) and "status" in content else {"status": "pending"}
    except (OSError, ValueError, UserError):
        return {"status": "pending"}


def ended_words(directories: Sequence[Path]) -> str:
    """The local end time of the last of these runs, as `", on 2026-11-30 at 11:12"`; "" where it is not recorded."""
    ended = max((float(found) for each in directories if (found := read_status(each).get("ended"))), default=None)
    last = "" if len(directories) == 1 else "the last "
    return "" if ended is None else time.strftime(f", {last}on %Y-%m-%d at %H:%M", time.localtime(ended))
