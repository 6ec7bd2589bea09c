"""Measurement of one command: reported values, time and memory."""

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
    """A command of a benchmark that failed or did not report its values."""


@dataclass(frozen=True)
class Measurement:
    """Wall time `seconds`, `cpu_seconds` of all threads and processes, `peak_memory_mb` (MiB resident of the largest
    process) and the reported values `figures` of a command."""

    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    figures: dict[str, Any]


@contextlib.contextmanager
def reporting() -> Iterator[dict[str, Any]]:
    """Yield a dict whose content is printed at the end as a line that `measure` reads.

    A UserError is printed as its message with exit code 2, which `measure` reports.
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
    """Run a command to its end in a separate process, with `environment` in addition to this process's.

    `figures` is empty if the command reports nothing. Raises CommandFailure when the command cannot be started, fails
    or exceeds `timeout` seconds; it and its child processes are then ended.
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
    """End the remaining processes of the command's process group."""
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
