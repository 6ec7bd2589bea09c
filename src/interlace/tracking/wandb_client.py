"""Settings and helper functions of the W&B client, so that it neither stops nor delays a run."""

import contextlib
import hashlib
import logging
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from interlace.errors import one_line

log = logging.getLogger("interlace")

# Set before wandb starts its service. Flushing every 1 s: with the default of 15 s a kill loses up to 15 s of logs.
QUIET = {
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "1",
    "WANDB_X_SAVE_REQUIREMENTS": "false",
    "WANDB_DISABLE_GIT": "true",
}


MAX_NAME, MAX_TAG = 128, 64  # characters, limits of the server


def within_limits(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `wandb.init` with group, name and tags cut to the limits of W&B; cut ones stay distinct."""
    fitting = dict(fields)
    for key in ("group", "name"):
        if fitting.get(key) is not None:
            fitting[key] = cut(str(fitting[key]), MAX_NAME)
    if fitting.get("tags"):
        fitting["tags"] = list(dict.fromkeys(cut(str(tag), MAX_TAG) for tag in fitting["tags"]))
    return fitting


def cut(text: str, longest: int) -> str:
    """A text of at most `longest` characters; one that is longer ends in eight digits of its hash."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def quiet() -> None:
    """Set the variables of QUIET that are not set by the user."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def quietly(action: Callable[[], object]) -> bool:
    """Call `action`; return True, or False with one warning when it raises."""
    try:
        action()
        return True
    except Exception as error:
        log.warning("W&B: %s; the run directory holds everything", one_line(error))
        return False


def log_artifacts_without_asking(run: Any) -> None:
    """Log artifacts and tables of an online run as offline: recorded at once and uploaded in the background.

    The client would first request the artifact's type from the server, which takes 19 s without an answer and ends in
    an error that loses the artifact (wandb 0.31.0). All its methods call `run._log_artifact`, which is replaced.
    """

    def publish(artifact: Any, name: str | None = None, type: str | None = None, aliases: list[str] | None = None,
                tags: list[str] | None = None, **given: Any) -> Any:  # fmt: skip
        prepared, named = run._prepare_artifact(artifact, name, type, aliases)
        given.pop("distributed_id", None)
        run._interface.publish_artifact(run, prepared, named, tags, **given)
        return prepared

    run._log_artifact = publish


@contextlib.contextmanager
def service_killed_after(seconds: float) -> Iterator[None]:
    """Kill the client's service when the block has not ended after `seconds`, which makes the client's calls raise.

    Calls such as `run.step` and `run.finish` wait for the service without a limit; one whose server answers with errors
    was seen to keep `finish` for half an hour beyond `finish_timeout` (wandb 0.31.0). What was logged is in its log.
    """
    import wandb

    process = service_process()
    killer = threading.Timer(seconds, process.kill if process else lambda: None)
    killer.daemon = True
    killer.start()
    try:
        yield
    finally:
        killer.cancel()
        if process and process.poll() is not None:
            quietly(wandb.teardown)  # the next run starts a new service


def service_process() -> "subprocess.Popen[bytes] | None":
    """The client's service, where this process has started it."""
    from wandb.sdk import wandb_setup

    return getattr(getattr(wandb_setup.singleton()._connection, "_proc", None), "_process", None)


def missing_on_server(path: str, rows: int, timeout: float) -> str | None:
    """The reason why a finished run is not completely uploaded; None when the server has its end and all its rows.

    The client's `finish` returns without an error also when the server has refused the data. Takes at most `timeout`
    seconds, as the client's own timeouts do not cover all cases.
    """
    answer: list[str | None] = []

    def ask() -> None:
        try:
            run = run_on_server(path)
            if run is None or held_rows(run) < rows:
                answer.append(f"the server has {0 if run is None else held_rows(run)} of {rows} rows")
            else:
                answer.append("it is still running on the server" if run.state == "running" else None)
        except Exception as error:
            answer.append(one_line(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    return answer[0] if answer else f"no answer from the server in {timeout:g} s"


def run_on_server(path: str) -> Any:
    """The run "entity/project/id" of the public API; None when the server does not know it."""
    import wandb

    try:
        return wandb.Api().run(path)
    except (wandb.errors.CommError, ValueError) as error:  # RunNotFoundError is one or the other
        if "could not find" in str(error).lower() or "not found" in str(error).lower():
            return None
        raise


def held_rows(run: Any) -> int:
    """Number of rows of history of a run on the server."""
    return int(run._attrs.get("historyLineCount") or 0)


def segments(directory: Path, run: str) -> list[Path]:
    """The client's folders of a W&B run below a run's directory, oldest first."""
    return sorted(
        (path for path in (directory / "wandb").glob(f"*run-*-{run}") if path.is_dir() and not path.is_symlink()),
        key=lambda path: path.name.removeprefix("offline-"),
    )


def transaction_log(segment: Path) -> Path:
    """The client's log file of a segment, run-ID.wandb."""
    return segment / f"run-{segment.name.rsplit('-', 1)[-1]}.wandb"


def is_uploaded(segment: Path) -> bool:
    """True where a segment has the mark of a completed upload, which `wandb sync` also writes."""
    return mark(segment).exists()


def mark(segment: Path) -> Path:
    """The file that marks a segment as uploaded."""
    log_file = transaction_log(segment)
    return log_file.with_name(log_file.name + ".synced")
