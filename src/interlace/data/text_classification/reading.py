"""Reading of labelled texts from .tsv, .csv and .jsonl files; errors name every bad line."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from interlace.configuration.suggestions import did_you_mean
from interlace.data.labels import class_name
from interlace.data.manifest.lines import read_lines
from interlace.data.manifest.splitting import NAMES, SPLITS, split_of
from interlace.data.problems import BadExample, Problem, error_for
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import read_text

SUFFIXES = (".tsv", ".csv", ".jsonl")
Column = str | int
Row = Mapping[Any, Any]


class LabelledText(NamedTuple):
    """An example: its id, one text or the two of a pair, the class, the split named in the file, and its groups."""

    id: str
    texts: tuple[str, ...]
    label: str
    split: str | None
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """The columns by role: names of a header or JSON keys, or numbers from 0 in a table without a header."""

    texts: Sequence[Column]
    label: Column
    split: Column | None
    groups: Sequence[Column]
    header: bool
    class_names: Mapping[str, str] | None


def read_examples(path: Path, columns: Columns) -> list[LabelledText]:
    """Read the examples of a file, or of a folder with a file for each split (train, dev or val, test).

    Raises UserError for a file that is absent or not a table, and for bad lines, all of which it names.
    """
    if path.is_dir():
        files = _split_files(path)
        return [e for split, file in files.items() for e in _read_file(file, columns, split)]
    return _read_file(path, columns, None)


def _split_files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    note(*(folder / f"{name}{suffix}" for name in NAMES for suffix in SUFFIXES))
    for path in sorted(folder.iterdir()):
        split = NAMES.get(path.stem.lower())
        if split is None or path.suffix not in SUFFIXES:
            continue
        if split in found:
            raise UserError(f"{folder}: {found[split].name} and {path.name} are both its {split} split; keep one")
        found[split] = path
    if "train" not in found:
        raise UserError(
            f"{folder}: no training file in it; expected train{'|'.join(SUFFIXES)}, and dev and test as well"
        )
    return {split: found[split] for split in SPLITS if split in found}


def _read_file(path: Path, columns: Columns, split: str | None) -> list[LabelledText]:
    examples, problems = [], []
    rows, broken = _records(path, columns)
    for number, record in rows:
        try:
            examples.append(_example(record, number, columns, split))
        except BadExample as bad:
            problems.append(Problem(number, bad.reason, bad.detail))
    problems = sorted([*problems, *broken])
    if problems:
        raise error_for(str(path), problems, "correct or remove them")
    if not examples:
        raise UserError(f"{path}: no examples in it; expected one per line")
    return examples


def _example(record: Row, number: int, columns: Columns, split: str | None) -> LabelledText:
    texts = tuple(_text(record, column) for column in columns.texts)
    value = record.get(columns.label)
    if value is None or value == "":
        raise BadExample("no label", f"{_column_name(columns.label)} is empty; every example needs a class")
    label = class_name(value)
    if columns.class_names is not None:
        if label not in columns.class_names:
            known = ", ".join(columns.class_names)
            raise BadExample("unknown label", f"{label[:40]!r} is not one of {known} (data.class_names)")
        label = columns.class_names[label]
    if columns.split is not None:
        split = split_of({"split": record.get(columns.split) or None})
    identity = f"{split}-{number}" if columns.split is None and split else str(number)
    groups = tuple("none" if record.get(c) is None else str(record.get(c)) for c in columns.groups)
    return LabelledText(identity, texts, label, split, groups)


def _text(record: Row, column: Column) -> str:
    value = record.get(column)
    if not isinstance(value, str):
        found = "missing" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
        raise BadExample("wrong type", f"{_column_name(column)} is {found}, expected text")
    if not value.strip():
        raise BadExample("empty text", f"{_column_name(column)} has no words")
    return value.strip()


def _column_name(column: Column) -> str:
    return f"column {column}" if isinstance(column, int) else column


def _records(path: Path, columns: Columns) -> tuple[list[tuple[int, Row]], list[Problem]]:
    """The rows as mappings by column, with their line numbers, and the problems of bad lines."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: expected a file that ends in {', '.join(SUFFIXES)}, or a folder of them")
    named = [*columns.texts, columns.label, *columns.groups, *([] if columns.split is None else [columns.split])]
    if path.suffix == ".jsonl":
        lines, broken = read_lines(path)
        _check_names(path, named, sorted({key for line in lines for key in line.record}), "no line has that key")
        return [(line.number, line.record) for line in lines], broken
    numbered = _csv_rows(path) if path.suffix == ".csv" else tab_rows(path)
    rows: list[tuple[int, Row]] = []
    problems: list[Problem] = []
    header: Sequence[Column] | None = None
    for number, row in numbered:
        if header is None:
            header = row if columns.header else list(range(len(row)))
            _check_names(path, named, header, "its header lacks that column" if columns.header else "no such column")
            if columns.header:
                continue
        if len(row) == len(header):
            rows.append((number, dict(zip(header, row, strict=True))))
        else:
            problems.append(Problem(number, "wrong number of columns", f"{len(row)}, expected {len(header)}"))
    return rows, problems


def _check_names(path: Path, named: Sequence[Column], known: Sequence[Column], what: str) -> None:
    for column in named:
        if column not in known:
            found = did_you_mean(str(column), map(str, known))
            raise UserError(
                f"{path}: {_column_name(column)}: {what} (data.text_columns, data.label_column, ...); {found}"
            )


def tab_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines split at tabs; quotes are ordinary characters, as in GLUE's files."""
    for number, line in enumerate(_content(path).split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r").split("\t")


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_content(path), newline=""), strict=True)
    number = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{path}: line {reader.line_num}: {error}; expected comma-separated values") from None
        if row:
            yield number, row
        number = reader.line_num + 1  # quoted values may contain line breaks; a row has the number of its first line


def _content(path: Path) -> str:
    note(path)
    try:
        return read_text(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a table of labelled texts (data.path=FILE)") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected a table of labelled texts") from None
