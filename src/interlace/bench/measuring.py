"""One command run alone: what it printed, how long it took, how much memory it held."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.errors import UserError

LAUNCHER = Path(__file__).with_name("launcher.py")
MARK = "interlace-bench-figures "


class CommandFailure(Exception):
    """A command of a benchmark that ended with an error, or without its figures."""


@dataclass(frozen=True)
class Measurement:
    """`seconds` from start to end, `cpu_seconds` of all its threads and processes, `peak_memory_mb` (MiB resident, of
    the largest of its processes) and the `figures` that it reported."""

    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    figures: dict[str, Any]


@contextlib.contextmanager
def reporting() -> Iterator[dict[str, Any]]:
    """For a command that is measured: what it puts into the dict is printed as a line that `measure` finds.

    A UserError becomes its sentence and exit code 2, which `measure` passes on.
    """
    figures: dict[str, Any] = {}
    try:
        yield figures
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(UserError.exit_code)
    print(MARK + json.dumps(figures), flush=True)


def measure(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, timeout: float | None = None
) -> Measurement:
    """Runs a command to its end in a process of its own, with `environment` on top of this process's.

    A command that reports nothing has no figures. Raises CommandFailure when it cannot be started, fails or takes
    longer than `timeout` seconds; it and what it started are then ended.
    """
    with tempfile.TemporaryDirectory(prefix="interlace-bench-") as folder:
        result = Path(folder) / "result.json"
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(result), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise CommandFailure(f"not done after {timeout:.0f} seconds") from None
        finally:
            _end_group(process)
        if process.returncode:
            raise CommandFailure(_why(process.returncode, errors or output))
        told = json.loads(result.read_text(encoding="utf-8"))
    return Measurement(**told, figures=_figures(output))


def _end_group(process: subprocess.Popen[str]) -> None:
    """Ends whatever of the command's process group is still there."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _figures(output: str) -> dict[str, Any]:
    lines = [line for line in output.splitlines() if line.startswith(MARK)]
    found: dict[str, Any] = json.loads(lines[-1].removeprefix(MARK)) if lines else {}
    return found


def _why(code: int, output: str) -> str:
    lines = [line.strip() for line in output.strip().splitlines() if line.strip()]
    return f"exit code {code}: {lines[-1][:300]}" if lines else f"exit code {code}, without a word"
