"""Which files are read while a run is prepared: whoever opens an input says so."""

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
class Reading:
    """Absolute paths with what told each file apart before it was read (None: it was looked for, and not there), and
    the files, relative to a folder, that a pattern found in it."""

    files: dict[str, Signature | None] = field(default_factory=dict)
    patterns: dict[tuple[str, str], list[str]] = field(default_factory=dict)


_current: ContextVar[Reading | None] = ContextVar("reading", default=None)


@contextlib.contextmanager
def reading() -> Iterator[Reading]:
    """Collects what is noted within it."""
    found = Reading()
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)


def note(*paths: str | Path) -> None:
    """Says that files are about to be read, or would be if they were there. Outside of `reading` it does nothing.

    What the program itself has put into the cache is no input: it is made anew from the inputs.
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
    """Says that a pattern (`**` for any folders) chooses the files that are read: one more is another input."""
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    if fixed < len(parts):
        note_folder(Path(*parts[:fixed]), str(Path(*parts[fixed:])))


def note_folder(folder: str | Path, pattern: str = "*") -> None:
    """Says that the files in a folder which a pattern names are about to be read, whichever they are."""
    current = _current.get()
    if current is not None:
        name = os.path.abspath(folder)
        found = current.patterns[name, pattern] = matches(name, pattern)
        note(*(os.path.join(name, each) for each in found))


def matches(folder: str, pattern: str) -> list[str]:
    """The files that a pattern names in a folder, relative to it, sorted."""
    found = glob.glob(pattern, root_dir=folder, recursive=True)
    return sorted(each for each in found if os.path.isfile(os.path.join(folder, each)))
