"""ImageNet, ILSVRC 2012 (Russakovsky et al. 2015), as folders of images."""

from collections.abc import Iterator
from pathlib import Path

from interlace.data.manifest.layouts.paths import files_in, find_root, folders_in, record_path
from interlace.data.manifest.rows import NumberedRecord, Row
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
    """Examples with `image`, `label` (the synset, with its first name from LOC_synset_mapping.txt if present), `split`
    and `id`.

    `train` is the training split, `val` the test split. Raises UserError for another tree, and if the images of `val`
    are not in class folders and LOC_val_solution.csv is missing.
    """
    root = find_root(folder, INNER, lambda path: (path / "train").is_dir() and (path / "val").is_dir(), EXPECTED)
    names = _names(folder, root)
    number = 0
    for part, split in (("train", "train"), ("val", "test")):
        synsets = folders_in(root / part)
        if not synsets:
            if part == "train":
                raise UserError(f"{root / part}: it has no class folders; {EXPECTED}")
            yield from _flat(folder, root, names, number)
            return
        for synset in synsets:
            for name in files_in(root / part / synset, *SUFFIXES):
                number += 1
                path = root / part / synset / name
                record = {"id": f"{part}/{synset}/{path.stem}", "split": split, "image": record_path(path, folder)}
                yield NumberedRecord(number, {**record, "label": names.get(synset, synset)})


def _flat(folder: Path, root: Path, names: dict[str, str], number: int) -> Iterator[Row]:
    """Images of val/ without class folders, labelled by a table."""
    synsets = _solution(folder, root)
    for name in files_in(root / "val", *SUFFIXES):
        number += 1
        path = root / "val" / name
        if path.stem not in synsets:
            yield Problem(number, "no label", f"val/{name} is not in {SOLUTION}")
            continue
        synset = synsets[path.stem]
        record = {"id": f"val/{path.stem}", "split": "test", "image": record_path(path, folder)}
        yield NumberedRecord(number, {**record, "label": names.get(synset, synset)})


def _beside(folder: Path, root: Path, name: str) -> Path | None:
    """The path of a list in the given folder or beside the images; None if there is none."""
    paths = list(dict.fromkeys((folder / name, root / name)))
    note(*paths)
    return next((path for path in paths if path.is_file()), None)


def _names(folder: Path, root: Path) -> dict[str, str]:
    """Synset -> synset and first name ("n01440764 tench"), as several synsets share a name."""
    path = _beside(folder, root, NAMES)
    if path is None:
        return {}
    names = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        synset, _, words = line.strip().partition(" ")
        if synset and not words:
            raise UserError(f"{path}: line {number} has no name; expected a synset and its names: n01440764 tench, ...")
        names[synset] = f"{synset} {words.partition(',')[0].strip()}"
    return names


def _solution(folder: Path, root: Path) -> dict[str, str]:
    """Image -> synset, from a table of ImageId and PredictionString (a synset, then its box)."""
    path = _beside(folder, root, SOLUTION)
    if path is None:
        raise UserError(f"{root / 'val'}: its images are not in class folders, and {SOLUTION} is missing; {EXPECTED}")
    synsets = {}
    with open_regular(path) as stream:
        for index, row in enumerate(delimited_rows(stream, path, ",", quoted=True)):
            if not isinstance(row, Cells) or len(row.cells) < 2 or not row.cells[1].strip():
                raise UserError(f"{path}: line {row.number} is not ImageId,PredictionString; download it again")
            if index:
                synsets[row.cells[0]] = row.cells[1].split()[0]
    return synsets
