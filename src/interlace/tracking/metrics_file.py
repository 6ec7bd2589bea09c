"""Lightning logger that writes metrics.jsonl: all logged metrics, a line for each step."""

import contextlib
import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from interlace.reading.documents import parse_json
from interlace.reading.files import read_bytes
from interlace.tracking.files import append_line, write_atomically


class MetricsFile(Logger):
    """Appends {"step", "epoch", "time", ...} to metrics.jsonl: `step` counts updates, `time` seconds of training.

    The clock runs from `start` on, except while `paused`. `rewind(step)` drops lines beyond a step, so that a resumed
    run ends with the file of an uninterrupted one.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.earlier_seconds = 0.0
        self._start = time.monotonic()

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def version(self) -> str:
        """Empty, as a run directory has one file."""
        return ""

    def rewind(self, step: int, saved: str | None = None) -> None:
        """Keeps the lines up to and including `step`; an incomplete last line is dropped.

        `saved`: content of the file when the checkpoint was written; lost lines are restored from it.
        """
        kept = [row for row in read_metrics(self.path) if row["step"] <= step]
        before = [row for row in rows_of(saved or "", self.path) if row["step"] <= step]
        if kept[: len(before)] != before:
            kept = before
        self.earlier_seconds = max((row["time"] for row in kept), default=0.0)
        text = "".join(json.dumps(row) + "\n" for row in kept)
        write_atomically(self.path, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append a line; numbers that are not finite become null."""
        row: dict[str, Any] = {"step": step, "epoch": metrics.get("epoch"), "time": round(self.seconds(), 3)}
        row |= {k: v if math.isfinite(v) else None for k, v in metrics.items() if k != "epoch"}
        append_line(self.path, json.dumps(row))

    def seconds(self) -> float:
        """Seconds of training so far, including those before an interruption."""
        return self.earlier_seconds + time.monotonic() - self._start

    def start(self) -> None:
        """Start the clock at the beginning of training."""
        self._start = time.monotonic()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock within the context."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._start += time.monotonic() - began

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing, as config.yaml has the hyperparameters."""


class Untimed(Logger):
    """Wraps a logger so that the clock of `metrics` is stopped while it logs."""

    def __init__(self, logger: Logger, metrics: MetricsFile) -> None:
        super().__init__()
        self.logger = logger
        self.metrics = metrics

    @property
    def name(self) -> str | None:
        """Delegate to the wrapped logger."""
        return self.logger.name

    @property
    def version(self) -> int | str | None:
        """Delegate to the wrapped logger."""
        return self.logger.version

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Delegate to the wrapped logger."""
        with self.metrics.paused():
            self.logger.log_metrics(dict(metrics), step)

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Delegate to the wrapped logger."""
        with self.metrics.paused():
            self.logger.log_hyperparams(*args, **kwargs)

    def save(self) -> None:
        """Delegate to the wrapped logger."""
        with self.metrics.paused():
            self.logger.save()

    def finalize(self, status: str) -> None:
        """Delegate to the wrapped logger."""
        with self.metrics.paused():
            self.logger.finalize(status)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl, without an incomplete last line."""
    return rows_of(read_bytes(path).decode("utf-8", "replace"), path) if path.exists() else []


def rows_of(text: str, path: Path) -> list[dict[str, Any]]:
    """The rows up to the first line that is not a valid row."""
    rows = []
    for line in text.split("\n"):
        try:
            row = parse_json(line, path)
        except json.JSONDecodeError:
            break
        if not isinstance(row, dict) or not {"step", "time"} <= set(row):
            break
        rows.append(row)
    return rows
