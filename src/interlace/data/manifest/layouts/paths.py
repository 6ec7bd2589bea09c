"""Paths of the files of an official layout."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from interlace.data.manifest.rows import Row
from interlace.data.problems import Problem
from interlace.errors import UserError
from interlace.inputs import note_folder


def find_root(folder: Path, inner: Sequence[str], holds: Callable[[Path], bool], expected: str) -> Path:
    """The root of a layout: the first of `folder` and the folders `inner` in it for which `holds` is true. Raises
    UserError with the text `expected` if there is none.
    """
    for root in (folder, *(folder / name for name in inner)):
        if root.is_dir() and holds(root):
            return root
    raise UserError(f"{folder}: {expected}")


def record_path(path: Path, folder: Path) -> str:
    """A path in `folder` as written in a record: relative to the parent of `folder`."""
    return f"{folder.resolve().name}/{path.relative_to(folder).as_posix()}"


def folders_in(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted, without hidden ones."""
    with os.scandir(folder) as found:
        return sorted(entry.name for entry in found if entry.is_dir() and not entry.name.startswith("."))


def files_in(folder: Path, *suffixes: str) -> list[str]:
    """The names of the files in a folder with one of the suffixes, in any case, sorted; they are noted as inputs."""
    note_folder(folder)
    with os.scandir(folder) as found:
        names = (entry.name for entry in found if not entry.name.startswith(".") and entry.is_file())
        return sorted(name for name in names if name.lower().endswith(suffixes))


def renumbered(rows: Iterator[Row], start: int) -> Iterator[Row]:
    """The rows of a further file, numbered on from `start`, the last number of the files before."""
    for row in rows:
        yield (
            row._replace(line=start + row.line) if isinstance(row, Problem) else row._replace(number=start + row.number)
        )
