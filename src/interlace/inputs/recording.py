"""A record of the input files that are read while a run is prepared; code that opens an input calls `note`."""

import contextlib
import glob
import os
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from interlace.configuration.locations import cache_dir
from interlace.inputs.hashing import Signature, signature


@dataclass
class InputFiles:
    """Input files of a run.

    `files`: absolute path -> signature before the file was read (None: it was looked for and did not exist).
    `patterns`: (folder, pattern) -> the matching files, relative to the folder.
    """

    files: dict[str, Signature | None] = field(default_factory=dict)
    patterns: dict[tuple[str, str], list[str]] = field(default_factory=dict)


_current: ContextVar[InputFiles | None] = ContextVar("record_inputs", default=None)


@contextlib.contextmanager
def record_inputs() -> Iterator[InputFiles]:
    """Context that collects the files passed to `note`, `note_pattern` and `note_folder`."""
    found = InputFiles()
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)


def note(*paths: str | Path) -> None:
    """Record files that are about to be read, or would be if they existed. Does nothing outside of `record_inputs`.

    Files that the program itself wrote into the cache are not recorded: they are derived from the inputs.
    """
    current = _current.get()
    if current is not None:
        cache = os.path.abspath(cache_dir())
        made = tuple(os.path.join(cache, folder, "") for folder in ("arrays", "corpora", "media"))
        for path in paths:
            name = os.path.abspath(path)
            if name not in current.files and not name.startswith(made):
                current.files[name] = signature(name)


def note_pattern(pattern: str | Path) -> None:
    """Record that a pattern (`**` for any folders) selects the files to read: an added file counts as a change."""
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    if fixed < len(parts):
        note_folder(Path(*parts[:fixed]), str(Path(*parts[fixed:])))


def note_folder(folder: str | Path, pattern: str = "*") -> None:
    """Record that the files of a folder which match a pattern are about to be read."""
    current = _current.get()
    if current is not None:
        name = os.path.abspath(folder)
        found = current.patterns[name, pattern] = matches(name, pattern)
        note(*(os.path.join(name, file) for file in found))


def matches(folder: str, pattern: str) -> list[str]:
    """The files of a folder that match a pattern, relative to the folder, sorted."""
    found = glob.glob(pattern, root_dir=folder, recursive=True)
    return sorted(file for file in found if os.path.isfile(os.path.join(folder, file)))
