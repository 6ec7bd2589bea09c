"""Loggers beside the run directory, which holds everything: a logger may fail without harm.

Each logger is a component with `open(config, directory) -> list of Lightning loggers` and `close(summary, media)`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger


class RunLogger:
    """Base: no loggers, nothing shown."""

    def open(self, config: Mapping[str, Any], directory: Path) -> list[Logger]:
        """Lightning loggers for this run."""
        return []

    def close(self, results: Mapping[str, Any], directory: Path, exit_code: int) -> None:
        """Called once when the run ends, with results.json's content (empty when it failed)."""


class NoRunLogger(RunLogger):
    """The run directory alone."""


class TensorBoardRunLogger(RunLogger):
    """TensorBoard event files in `<run>/<folder>`."""

    def __init__(self, *, folder: str) -> None:
        self.folder = folder

    def open(self, config: Mapping[str, Any], directory: Path) -> list[Logger]:
        """One TensorBoardLogger."""
        return [TensorBoardLogger(directory, name=self.folder, version="")]


class CSVRunLogger(RunLogger):
    """metrics.csv in `<run>/<folder>`."""

    def __init__(self, *, folder: str) -> None:
        self.folder = folder

    def open(self, config: Mapping[str, Any], directory: Path) -> list[Logger]:
        """One CSVLogger."""
        return [CSVLogger(directory, name=self.folder, version="")]
