"""Where the files of an official layout are, and what is said where they are not."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from interlace.data.manifest.rows import Row
from interlace.data.problems import Problem
from interlace.errors import UserError
from interlace.inputs import note_folder


def home(folder: Path, inner: Sequence[str], holds: Callable[[Path], bool], expected: str) -> Path:
    """The first of a folder and the folders `inner` in it that `holds` the files; UserError, which says what was
    `expected`, where none does."""
    for place in (folder, *(folder / name for name in inner)):
        if place.is_dir() and holds(place):
            return place
    raise UserError(f"{folder}: {expected}")


def shown(path: Path, folder: Path) -> str:
    """A path in `folder` as a record names it: relative to the folder around that."""
    return f"{folder.resolve().name}/{path.relative_to(folder).as_posix()}"


def folders_in(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted; hidden ones are left out."""
    with os.scandir(folder) as found:
        return sorted(each.name for each in found if each.is_dir() and not each.name.startswith("."))


def files_in(folder: Path, *suffixes: str) -> list[str]:
    """Names of the files in a folder that have one of the suffixes in any case, sorted, which are noted as read."""
    note_folder(folder)
    with os.scandir(folder) as found:
        names = (each.name for each in found if not each.name.startswith(".") and each.is_file())
        return sorted(name for name in names if name.lower().endswith(suffixes))


def numbered(rows: Iterator[Row], start: int) -> Iterator[Row]:
    """The rows of a further file, their numbers after those of the files before, of which `start` is the last."""
    for row in rows:
        yield (
            row._replace(line=start + row.line) if isinstance(row, Problem) else row._replace(number=start + row.number)
        )
