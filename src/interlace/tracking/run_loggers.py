"""Optional loggers of a run; the run directory holds all results, so that a failing logger does no harm.

Each is a component with `open(config, directory) -> list of Lightning loggers` and `close(results, directory,
exit_code)`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger


class RunLogger:
    """Base class, without loggers."""

    def open(self, config: Mapping[str, Any], directory: Path) -> list[Logger]:
        """Lightning loggers for this run."""
        return []

    def close(self, results: Mapping[str, Any], directory: Path, exit_code: int) -> None:
        """Called once at the end of the run, with the content of results.json (empty when it failed)."""


class NoRunLogger(RunLogger):
    """No logger besides the run directory."""


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
