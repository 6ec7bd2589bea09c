"""Locate study files: by path, by name in the study folders, or by the name of a study in the outputs."""

import re
from pathlib import Path

from interlace.configuration.locations import outputs_dir
from interlace.configuration.names import studies
from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.reading.files import read_text
from interlace.tracking.files import write_atomically

COPY = "study.yaml"
COPIED = "# Copied from {path} when the study was run.\n"
ORIGIN = re.compile(r"# Copied from (.+) when the study was run\.")


def find_study(name_or_path: str) -> Path:
    """The study.yaml of a file, a folder or a name. UserError with the nearest name where there is none.

    The outputs of a study that was run hold a copy of its file (`keep_copy`); the original is preferred where it
    still exists.
    """
    path = Path(name_or_path)
    for candidate in (path, path / "study.yaml"):
        if candidate.is_file():
            return candidate
    known = studies()
    if name_or_path in known:
        return known[name_or_path]
    copies = studies_with_outputs()
    if name_or_path in copies:
        return _original(copies[name_or_path])
    raise UserError(
        f"study {name_or_path!r}: no such file, folder or name; {did_you_mean(name_or_path, {**known, **copies})}"
    )


def studies_with_outputs() -> dict[str, Path]:
    """Study files in the outputs, by name of the study: of studies that were run, and of unpacked bundles."""
    found: dict[str, Path] = {}
    for pattern in (f"*/{COPY}", f"*/study/{COPY}"):
        for path in sorted(outputs_dir().glob(pattern)):
            found.setdefault(path.relative_to(outputs_dir()).parts[0], path)
    return found


def keep_copy(name: str, path: Path) -> None:
    """Copies the file of a study into its outputs, with a first line that names the original's path."""
    copy = outputs_dir() / name / COPY
    if path.resolve() != copy.resolve():
        text = COPIED.format(path=path.resolve()) + read_text(path, "document_bytes")
        write_atomically(copy, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def how_named(name_or_path: str, path: Path) -> str:
    """The study's argument in a command: the name that was given, else the shortest path to its file."""
    if not Path(name_or_path).exists():
        return name_or_path
    absolute = path.resolve()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def _original(copy: Path) -> Path:
    found = ORIGIN.match(read_text(copy, "document_bytes"))
    original = None if found is None else Path(found[1])
    return original if original is not None and original.is_file() else copy
