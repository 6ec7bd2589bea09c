"""ImageNet, ILSVRC 2012 (Russakovsky et al. 2015), as folders of pictures."""

from collections.abc import Iterator
from pathlib import Path

from interlace.data.manifest.layouts.places import files_in, folders_in, home, shown
from interlace.data.manifest.rows import Found, Row
from interlace.data.problems import Problem
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.delimited import Cells, delimited_rows
from interlace.reading.files import open_regular, read_text

INNER = ("ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")
SUFFIXES = (".jpeg", ".jpg", ".png")
NAMES, SOLUTION = "LOC_synset_mapping.txt", "LOC_val_solution.csv"
EXPECTED = (
    "expected ImageNet: train/SYNSET/*.JPEG, and val/SYNSET/*.JPEG or val/*.JPEG with LOC_val_solution.csv "
    "(in the folder, or below ILSVRC/Data/CLS-LOC)"
)


def read_imagenet(folder: Path) -> Iterator[Row]:
    """`image`, `label` (the synset, with its first name where LOC_synset_mapping.txt tells it), `split` and `id`.

    Pictures of `train` train; those of `val` are the test split. Raises UserError for another tree, and where pictures
    of `val` lie in no folders and LOC_val_solution.csv is not there.
    """
    place = home(folder, INNER, lambda each: (each / "train").is_dir() and (each / "val").is_dir(), EXPECTED)
    names = _names(folder, place)
    number = 0
    for part, split in (("train", "train"), ("val", "test")):
        synsets = folders_in(place / part)
        if not synsets:
            if part == "train":
                raise UserError(f"{place / part}: no folders of classes in it; {EXPECTED}")
            yield from _flat(folder, place, names, number)
            return
        for synset in synsets:
            for name in files_in(place / part / synset, *SUFFIXES):
                number += 1
                path = place / part / synset / name
                record = {"id": f"{part}/{synset}/{path.stem}", "split": split, "image": shown(path, folder)}
                yield Found(number, {**record, "label": names.get(synset, synset)})


def _flat(folder: Path, place: Path, names: dict[str, str], number: int) -> Iterator[Row]:
    """Pictures of val/ without folders, by the classes that a table names."""
    synsets = _solution(folder, place)
    for name in files_in(place / "val", *SUFFIXES):
        number += 1
        path = place / "val" / name
        if path.stem not in synsets:
            yield Problem(number, "no label", f"val/{name} is not in {SOLUTION}")
            continue
        synset = synsets[path.stem]
        record = {"id": f"val/{path.stem}", "split": "test", "image": shown(path, folder)}
        yield Found(number, {**record, "label": names.get(synset, synset)})


def _beside(folder: Path, place: Path, name: str) -> Path | None:
    """A list that is in the folder given, or beside the pictures."""
    paths = list(dict.fromkeys((folder / name, place / name)))
    note(*paths)
    return next((path for path in paths if path.is_file()), None)


def _names(folder: Path, place: Path) -> dict[str, str]:
    """Synset to synset and first name ("n01440764 tench"), as several synsets share a name."""
    path = _beside(folder, place, NAMES)
    if path is None:
        return {}
    names = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        synset, _, words = line.strip().partition(" ")
        if synset and not words:
            raise UserError(f"{path}: line {number} has no name; expected a synset and its names: n01440764 tench, ...")
        names[synset] = f"{synset} {words.partition(',')[0].strip()}"
    return names


def _solution(folder: Path, place: Path) -> dict[str, str]:
    """Picture to synset, of a table of ImageId and PredictionString (a synset, then its box)."""
    path = _beside(folder, place, SOLUTION)
    if path is None:
        raise UserError(
            f"{place / 'val'}: its pictures lie in no folders of classes, and {SOLUTION} is not there; {EXPECTED}"
        )
    synsets = {}
    with open_regular(path) as stream:
        for place_of, row in enumerate(delimited_rows(stream, path, ",", quoted=True)):
            if not isinstance(row, Cells) or len(row.cells) < 2 or not row.cells[1].strip():
                raise UserError(f"{path}: line {row.number} is none of ImageId,PredictionString; fetch it again")
            if place_of:
                synsets[row.cells[0]] = row.cells[1].split()[0]
    return synsets
