"""Common Voice (Ardila et al. 2020): tables of clips, a language a folder."""

from collections.abc import Iterator
from pathlib import Path

from interlace.data.manifest.layouts.places import home, numbered, shown
from interlace.data.manifest.rows import Found, Record, Row
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
    """`audio`, `target` (the sentence), `speaker` (client_id), `split`, `id` (the clip's name), and every other column
    under its name; an empty cell is missing.

    Quotes in the tables are characters like others. Raises UserError for missing tables, clips/ or columns.
    """
    place = home(folder, (), lambda each: any((each / name).is_file() for name in TABLES), EXPECTED)
    if not (place / "clips").is_dir():
        raise UserError(f"{place / 'clips'}: no such folder; {EXPECTED}")
    number = 0
    for name, split in TABLES.items():
        note(place / name)
        if not (place / name).is_file():
            raise UserError(f"{place / name}: not there; {EXPECTED}")
        last = number
        for row in numbered(_table(folder, place, name, split), number):
            last = row[0]
            yield row
        number = last


def _table(folder: Path, place: Path, name: str, split: str) -> Iterator[Row]:
    with open_regular(place / name) as stream:
        rows = delimited_rows(stream, place / name, "\t", quoted=False)
        header = next(rows, None)
        columns = header.cells if isinstance(header, Cells) else []
        if absent := [column for column in NEEDED if column not in columns]:
            raise UserError(f"{place / name}: its first row lacks the column {absent[0]}; {EXPECTED}")
        for row in rows:
            if isinstance(row, BadRow):
                yield Problem(row.number, "unreadable row", f"{name}: {row.why}")
            elif len(row.cells) != len(columns):
                yield Problem(row.number, "wrong number of cells", f"{name}: {len(row.cells)}, expected {len(columns)}")
            else:
                cells = dict(zip(columns, row.cells, strict=True))
                yield Found(row.number, _record(folder, place, cells, split))


def _record(folder: Path, place: Path, cells: dict[str, str], split: str) -> Record:
    others = {name: cell for name, cell in cells.items() if name not in NEEDED and cell.strip()}
    record: Record = {**others, "id": Path(cells["path"]).stem, "split": split, "speaker": cells["client_id"]}
    record["audio"] = f"{shown(place / 'clips', folder)}/{cells['path']}"
    if cells["sentence"].strip():
        record["target"] = cells["sentence"]
    return record
