"""Settings of the W&B client under which it neither stops nor delays a run."""

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from interlace.errors import one_line

log = logging.getLogger("interlace")

# Set before wandb starts its service. The 1 s flush: the default of 15 s loses everything younger to a kill.
QUIET = {
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "1",
    "WANDB_X_SAVE_REQUIREMENTS": "false",
    "WANDB_DISABLE_GIT": "true",
}


LONGEST_NAME, LONGEST_TAG = 128, 64  # characters that the server takes


def within_limits(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `wandb.init` with group, name and tags as long as W&B takes them, what is cut still told apart."""
    fitting = dict(fields)
    for key in ("group", "name"):
        if fitting.get(key) is not None:
            fitting[key] = cut(str(fitting[key]), LONGEST_NAME)
    if fitting.get("tags"):
        fitting["tags"] = list(dict.fromkeys(cut(str(tag), LONGEST_TAG) for tag in fitting["tags"]))
    return fitting


def cut(text: str, longest: int) -> str:
    """A text of at most `longest` characters; one that is longer ends in eight digits of its hash."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def quiet() -> None:
    """Sets what of QUIET the user has not set."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def quietly(action: Callable[[], object]) -> bool:
    """Calls `action`; False, and one warning, when it raises."""
    try:
        action()
        return True
    except Exception as error:
        log.warning("W&B: %s; the run directory holds everything", one_line(error))
        return False


def log_artifacts_without_asking(run: Any) -> None:
    """Makes artifacts and tables of an online run go the way they go offline: noted at once, sent when it can be.

    The client would first ask the server for the artifact's type, which takes 19 s when there is no answer and ends
    in an error that loses the artifact (wandb 0.31.0); `run._log_artifact` is what all of its ways go through.
    """

    def publish(artifact: Any, name: str | None = None, type: str | None = None, aliases: list[str] | None = None,
                tags: list[str] | None = None, **given: Any) -> Any:  # fmt: skip
        prepared, named = run._prepare_artifact(artifact, name, type, aliases)
        given.pop("distributed_id", None)
        run._interface.publish_artifact(run, prepared, named, tags, **given)
        return prepared

    run._log_artifact = publish


def missing_on_server(path: str, rows: int, timeout: float) -> str | None:
    """The reason why a finished run does not count as uploaded; None when the server holds its end and all of its rows.

    The client's `finish` also returns without an error when the server refused what was sent. Takes `timeout`
    seconds at most: the client's own waiting has no limit that holds in all cases.
    """
    answer: list[str | None] = []

    def ask() -> None:
        try:
            run = run_on_server(path)
            if run is None or held_rows(run) < rows:
                answer.append(f"the server holds {0 if run is None else held_rows(run)} of {rows} rows")
            else:
                answer.append("the server takes it for running" if run.state == "running" else None)
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
    """Rows of history that the server holds of a run."""
    return int(run._attrs.get("historyLineCount") or 0)


def segments(directory: Path, run: str) -> list[Path]:
    """The folders that the client keeps of a W&B run below a run's directory, oldest first."""
    return sorted(
        (path for path in (directory / "wandb").glob(f"*run-*-{run}") if path.is_dir() and not path.is_symlink()),
        key=lambda path: path.name.removeprefix("offline-"),
    )


def transaction_log(segment: Path) -> Path:
    """The client's own record of a segment."""
    return segment / f"run-{segment.name.rsplit('-', 1)[-1]}.wandb"


def is_uploaded(segment: Path) -> bool:
    """Return whether a segment is known to be uploaded: the mark is the one of `wandb sync`."""
    return mark(segment).exists()


def mark(segment: Path) -> Path:
    """The file that says that a segment is uploaded."""
    log_file = transaction_log(segment)
    return log_file.with_name(log_file.name + ".synced")
