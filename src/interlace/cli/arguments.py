"""Arguments that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.completion import complete_override
from interlace.errors import UserError

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[OVERRIDES]...",
        help="Hydra overrides: fusion=concat data.batch_size=32 +key=1",
        show_default=False,
        autocompletion=complete_override,
    ),
]


# One is enough: the others of a damaged run may be lost.
RUN_FILES = ("config.yaml", "manifest.json", "results.json", "status.json")


INDEX_FILE = "index.json"  # retrieval.index.SEAL, named here as that module loads torch


def existing(path: Path | None) -> Path | None:
    """A file or folder to read; UserError where it does not exist, raised before any heavy import."""
    if path is not None and not path.exists():
        from interlace.configuration.paths import missing

        raise UserError(missing(path))
    return path


def run_directory(path: Path) -> Path:
    """The directory of a run; UserError for any other path."""
    if not any((path / name).is_file() for name in RUN_FILES):
        why = "it has no config.yaml" if path.is_dir() else "a file" if path.exists() else "no such folder"
        raise UserError(f"{path}: not a run directory ({why}); give one that train printed")
    return path


def run_directories(paths: list[Path]) -> list[Path]:
    """Directories of runs; UserError for any other path."""
    return [run_directory(path) for path in paths]


def writable_file(path: Path | None) -> Path | None:
    """A file to write, which need not exist; UserError for a folder."""
    if path is not None and path.is_dir():
        raise UserError(f"{path}: a folder; give the name of the file to write")
    return path


RunDirectory = Annotated[
    Path, typer.Argument(metavar="RUN_DIR", help="A run's directory, as train printed it.", callback=run_directory)
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
