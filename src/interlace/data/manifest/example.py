"""A usable line of a manifest."""

import hashlib
import marshal
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from interlace.configuration.suggestions import did_you_mean
from interlace.data.encoding import lookup
from interlace.data.manifest.fields import names_file
from interlace.data.manifest.rows import Line, Record
from interlace.data.problems import BadExample
from interlace.data.spellings import canonical
from interlace.errors import UserError
from interlace.tokens import Kind

# Options that name fields, and the role of such a field.
EXPECTED = {
    "fold_group": "that groups examples",
    "clusters": "that names what examples share",
    "groups": "by which metrics are split",
}


class Example(NamedTuple):
    """A line that passed the first look; its `label` is what the task read (`TaskSpec.read`)."""

    line: Line
    identity: str
    label: Any
    named_split: str | None


def group_name(value: Any) -> str:
    """The canonical name of a group's value; "none" for null."""
    return "none" if value is None else canonical(value)


def shared_name(example: Example, field: str) -> str:
    """The name of an example's cluster by a field; an example without a value is a cluster of its own."""
    value = example.line.record.get(field)
    return f"only {example.identity}" if value is None else group_name(value)


def check_fields(key: str, named: Iterable[str | None], records: Sequence[Record]) -> None:
    """Raise UserError, with the most similar name, if an option data.`key` names a field that no line has; None is
    ignored.
    """
    for field in named:
        if field is None or any(field in record for record in records):
            continue
        there = list(dict.fromkeys(name for record in islice(records, 100) for name in record))
        known = did_you_mean(field, there)
        raise UserError(f"data.{key}: no line has the field {field!r}; expected one {EXPECTED[key]}: {known}")


def records_hash(examples: Sequence[Example]) -> str:
    """SHA-256 over the content of lines, in order."""
    found = hashlib.sha256()
    for example in examples:
        found.update(marshal.dumps((example.identity, example.label, example.line.record), 2))  # 2: no references
    return found.hexdigest()


def refuse_paths(record: Record, kinds: Mapping[str, Kind], folder: Path) -> None:
    """Raise BadExample for a text that is the path of an existing file."""
    for name, kind in kinds.items():
        value = lookup(record, name) if kind == "text" else None
        if not isinstance(value, str) or value.split(maxsplit=1) != [value] or not {"/", "\\"} & {*value}:
            continue
        if names_file(folder, value):
            raise BadExample("a path, not text", f"{name} {value[:80]!r} names a file, which is not read as text")
