"""Hugging Face data sets written by `save_to_disk`: folders of Arrow streams, read without that library."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from interlace.data.manifest.columns import read_arrow_rows
from interlace.data.manifest.rows import NumberedRecord, Row
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.documents import read_json

SPLITS, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"
SAVED = "expected the folder that save_to_disk of Hugging Face `datasets` wrote; save it again"


def is_saved_dataset(folder: Path) -> bool:
    """True if a folder is a saved DatasetDict or Dataset."""
    return (folder / SPLITS).is_file() or (folder / STATE).is_file()


def read_saved_dataset(folder: Path) -> Iterator[Row]:
    """Every row, split after split, numbered consecutively. `split` is the name of the split's folder if the data set
    has several and no such column; classes are given by name.
    """
    if not (folder / SPLITS).is_file():
        yield from _split(folder, None, 0)
        return
    names = _content(folder / SPLITS).get("splits")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{folder / SPLITS}: it names no splits; {SAVED}")
    number = 0
    for name in names:
        for row in _split(_inside(folder, name), name, number):
            number = max(number, row[0])
            yield row


def _split(folder: Path, name: str | None, start: int) -> Iterator[Row]:
    state = _content(folder / STATE)
    if state.get("_indices_data_files"):
        raise UserError(f"{folder}: its rows are selected by an index; call flatten_indices() before save_to_disk")
    files = state.get("_data_files")
    if not isinstance(files, list):
        raise UserError(f"{folder / STATE}: it names no files; {SAVED}")
    features = _content(folder / INFO).get("features") if (folder / INFO).is_file() else None
    for file in files:
        path = _inside(folder, file.get("filename") if isinstance(file, dict) else None)
        note(path)
        try:
            for row in read_arrow_rows(path, features if isinstance(features, dict) else None, start):
                start = row[0]
                if isinstance(row, NumberedRecord) and name is not None and row.record.get("split") is None:
                    row.record["split"] = name
                yield row
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror or error}); {SAVED}") from None


def _inside(folder: Path, name: Any) -> Path:
    """The path of a file named in the metadata; UserError unless it is in the same folder."""
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
        raise UserError(f"{folder}: it names {str(name)[:80]!r}, which is not the name of a file in it; {SAVED}")
    return folder / name


def _content(path: Path) -> dict[str, Any]:
    note(path)
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); {SAVED}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: not an object; {SAVED}")
    return content
