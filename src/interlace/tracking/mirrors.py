"""Where else a run is shown. The run directory is the truth; a mirror may fail without harm.

Each mirror is a component with `open(config, directory) -> list of Lightning loggers` and `close(summary, media)`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger


class Mirror:
    """Base: no loggers, nothing shown."""

    def open(self, config: Mapping[str, Any], directory: Path) -> list[Logger]:
        """Lightning loggers for this run."""
        return []

    def close(self, results: Mapping[str, Any], directory: Path, exit_code: int) -> None:
        """Called once when the run ends, with results.json's content (empty when it failed)."""


class NoMirror(Mirror):
    """The run directory alone."""


class TensorBoardMirror(Mirror):
    """TensorBoard event files in `<run>/<folder>`."""

    def __init__(self, *, folder: str) -> None:
        self.folder = folder

    def open(self, config: Mapping[str, Any], directory: Path) -> list[Logger]:
        """One TensorBoardLogger."""
        return [TensorBoardLogger(directory, name=self.folder, version="")]


class CSVMirror(Mirror):
    """metrics.csv in `<run>/<folder>`."""

    def __init__(self, *, folder: str) -> None:
        self.folder = folder

    def open(self, config: Mapping[str, Any], directory: Path) -> list[Logger]:
        """One CSVLogger."""
        return [CSVLogger(directory, name=self.folder, version="")]
