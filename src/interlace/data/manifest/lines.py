"""Examples from the path `data.path`: JSON lines, CSV, TSV, parquet, Arrow or folders."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from interlace.configuration.suggestions import did_you_mean
from interlace.data.manifest.columns import read_arrow_rows, read_parquet_rows
from interlace.data.manifest.folders import read_folder
from interlace.data.manifest.json_lines import read_json_lines
from interlace.data.manifest.layouts import Layout
from interlace.data.manifest.other_formats import JSON_SUFFIXES, LOOKED_AT, other_format
from interlace.data.manifest.rows import Line, Lines, NumberedRecord, Record, Row
from interlace.data.manifest.saved_datasets import is_saved_dataset, read_saved_dataset
from interlace.data.manifest.tables import SUFFIXES, looks_like_table, read_table_rows
from interlace.data.problems import BadExample, Problem, error_for
from interlace.data.progress import with_progress
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import open_regular

__all__ = ["FORMATS", "Line", "Record", "identity", "read_lines", "read_records"]

FORMATS = "JSON lines, CSV, TSV, parquet, a folder of classes, or a data set saved by Hugging Face `datasets`"
PARQUET, ARROW = b"PAR1", ".arrow"


def read_lines(path: Path, layout: Layout | None = None, label: str | None = None) -> tuple[Lines, list[Problem]]:
    """All examples of a path, and the problems of bad lines; blank lines are skipped.

    `layout`: the official layout of a folder, if it has one. `label`: the field to use instead of "label". Raises
    UserError if the path cannot be read or holds no examples, or if no line has the field.
    """
    lines = Lines()
    problems: list[Problem] = []
    others: dict[str, None] = {}
    for row in with_progress(read_rows(path, layout), "reading lines"):
        if isinstance(row, NumberedRecord):
            spread_labels(row.record)
            if label is not None:
                others |= dict.fromkeys(row.record)
                row.record["label"] = row.record.pop(label, None)
            lines.append(row)
        else:
            problems.append(row)
    if not lines and not problems:
        raise UserError(f"{path}: no examples in it; expected {FORMATS}")
    if label is not None and label not in others:
        raise UserError(f"data.label: no line has the field {label!r}; {did_you_mean(label, others)}")
    return lines, problems


def spread_labels(record: Record) -> None:
    """Makes each entry of a mapping `labels` a field of its own, in place: one is chosen by data.label, the others by
    multitask.labels. An entry whose name a field has already stays where it is."""
    labels = record.get("labels")
    if isinstance(labels, Mapping):
        for name, value in labels.items():
            record.setdefault(str(name), value)
        del record["labels"]


def read_rows(path: Path, layout: Layout | None = None) -> Iterator[Row]:
    """The examples of a path one by one; the format is detected from a folder's content, or from a file's suffix and
    first bytes.
    """
    try:
        if layout is not None and path.exists():
            yield from layout.read(_folder(path))
        elif path.is_dir():
            yield from read_saved_dataset(path) if is_saved_dataset(path) else read_folder(path)
        else:
            yield from _file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {FORMATS} (data.path=FILE)") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); expected {FORMATS}") from None


def read_records(path: Path) -> list[Record]:
    """All records of a file, in order. Raises UserError that names every bad line."""
    lines, problems = read_lines(Path(path))
    if problems:
        raise error_for(str(path), problems, "expected one example per line")
    return list(lines.records)


def identity(line: Line) -> str:
    """The record's id, or else its line number. Raises BadExample for an id that is neither text nor an integer."""
    value = line.record.get("id")
    if value is None:
        return str(line.number)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise BadExample("wrong type", f"id is {str(value)[:40]!r}, expected text or an integer")
    return str(value).encode("utf-8", "replace").decode()


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise UserError(f"{path}: a file; data.layout needs the folder of the data set (data.path=FOLDER)")
    return path


def _file(path: Path) -> Iterator[Row]:
    """The examples of a file. Raises UserError for another format, with the command that converts it."""
    note(path)
    suffix = path.suffix.lower()
    with open_regular(path) as stream:
        head = stream.read(LOOKED_AT)
        stream.seek(0)
        if head.startswith(PARQUET) or suffix == ARROW:
            yield from read_parquet_rows(path) if head.startswith(PARQUET) else read_arrow_rows(path)
            return
        if other := other_format(path, head):
            raise UserError(f"{path}: it is {other}")
        if suffix in SUFFIXES or (suffix not in JSON_SUFFIXES and looks_like_table(head)):
            yield from read_table_rows(stream, path, head)
        else:
            yield from read_json_lines(stream, path)
