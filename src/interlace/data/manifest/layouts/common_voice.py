"""Common Voice (Ardila et al. 2020): tables of clips, one folder per language."""

from collections.abc import Iterator
from pathlib import Path

from interlace.data.manifest.layouts.paths import find_root, record_path, renumbered
from interlace.data.manifest.rows import NumberedRecord, Record, Row
from interlace.data.problems import Problem
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.delimited import BadRow, Cells, delimited_rows
from interlace.reading.files import open_regular

TABLES = {"train.tsv": "train", "dev.tsv": "val", "test.tsv": "test"}
NEEDED = ("client_id", "path", "sentence")
EXPECTED = (
    "expected Common Voice, the folder of a language: train.tsv, dev.tsv and test.tsv (columns client_id, path, "
    "sentence, ...) and clips/*.mp3"
)


def read_common_voice(folder: Path) -> Iterator[Row]:
    """Examples with `audio`, `target` (the sentence), `speaker` (client_id), `split`, `id` (the name of the clip), and
    every other column under its name; an empty cell is missing.

    Quotes in the tables are ordinary characters. Raises UserError for missing tables, clips/ or columns.
    """
    root = find_root(folder, (), lambda path: any((path / name).is_file() for name in TABLES), EXPECTED)
    if not (root / "clips").is_dir():
        raise UserError(f"{root / 'clips'}: no such folder; {EXPECTED}")
    number = 0
    for name, split in TABLES.items():
        note(root / name)
        if not (root / name).is_file():
            raise UserError(f"{root / name}: not found; {EXPECTED}")
        last = number
        for row in renumbered(_table(folder, root, name, split), number):
            last = row[0]
            yield row
        number = last


def _table(folder: Path, root: Path, name: str, split: str) -> Iterator[Row]:
    with open_regular(root / name) as stream:
        rows = delimited_rows(stream, root / name, "\t", quoted=False)
        header = next(rows, None)
        columns = header.cells if isinstance(header, Cells) else []
        if absent := [column for column in NEEDED if column not in columns]:
            raise UserError(f"{root / name}: its first row lacks the column {absent[0]}; {EXPECTED}")
        for row in rows:
            if isinstance(row, BadRow):
                yield Problem(row.number, "unreadable row", f"{name}: {row.why}")
            elif len(row.cells) != len(columns):
                yield Problem(row.number, "wrong number of cells", f"{name}: {len(row.cells)}, expected {len(columns)}")
            else:
                cells = dict(zip(columns, row.cells, strict=True))
                yield NumberedRecord(row.number, _record(folder, root, cells, split))


def _record(folder: Path, root: Path, cells: dict[str, str], split: str) -> Record:
    others = {name: cell for name, cell in cells.items() if name not in NEEDED and cell.strip()}
    record: Record = {**others, "id": Path(cells["path"]).stem, "split": split, "speaker": cells["client_id"]}
    record["audio"] = f"{record_path(root / 'clips', folder)}/{cells['path']}"
    if cells["sentence"].strip():
        record["target"] = cells["sentence"]
    return record
