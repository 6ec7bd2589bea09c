"""One line of a manifest that can be used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from interlace.data.encoding import lookup
from interlace.data.manifest.fields import names_file
from interlace.data.manifest.rows import Line, Record
from interlace.data.problems import BadExample
from interlace.data.spellings import canonical
from interlace.tokens import Kind


class Example(NamedTuple):
    """A line that passed the first look; the `label` of one that asks for a text is that text."""

    line: Line
    identity: str
    label: str | float
    named_split: str | None


def group_name(value: Any) -> str:
    """The name of what lines share, in its canonical spelling."""
    return "none" if value is None else canonical(value)


def refuse_paths(record: Record, kinds: Mapping[str, Kind], folder: Path) -> None:
    """BadExample for text that is the path of a file which is there."""
    for name, kind in kinds.items():
        value = lookup(record, name) if kind == "text" else None
        if not isinstance(value, str) or value.split(maxsplit=1) != [value] or not {"/", "\\"} & {*value}:
            continue
        if names_file(folder, value):
            raise BadExample("a path, not text", f"{name} {value[:80]!r} names a file, which is not read as text")
