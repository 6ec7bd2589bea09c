"""CIFAR-10 (Krizhevsky 2009), binary version."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from interlace.data.manifest.layouts.paths import find_root
from interlace.data.manifest.rows import NumberedRecord, Row
from interlace.data.media_bytes import media_path
from interlace.data.problems import Problem
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.files import open_regular, read_text

SIDE = 32
SIZE = 1 + 3 * SIDE * SIDE  # bytes of an example: the class, then the red, green and blue planes row by row
BATCHES = {**{f"data_batch_{i}.bin": "train" for i in range(1, 6)}, "test_batch.bin": "test"}
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NAMES = "batches.meta.txt"
EXPECTED = (
    "expected CIFAR-10, binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin "
    "(cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html)"
)


def read_cifar10(folder: Path) -> Iterator[Row]:
    """Examples with `image`, `label`, `split` and `id` (FILE/ROW); the images are written to the cache.

    Raises UserError for missing files, for sizes that are not a whole number of examples, and for the Python version,
    whose pickles can run code.
    """
    root = find_root(folder, ["cifar-10-batches-bin"], _has_batches, _expectation(folder))
    names = _names(root)
    number = 0
    for file, split in BATCHES.items():
        path = root / file
        note(path)
        if not path.is_file():
            raise UserError(f"{path}: not found; {EXPECTED}")
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if not size or size % SIZE:
                raise UserError(f"{path}: it has {size:,} bytes, expected a multiple of {SIZE:,}; download it again")
            for row in range(size // SIZE):
                number += 1
                content = stream.read(SIZE)
                if content[0] >= len(names):
                    yield Problem(number, "unknown label", f"{file} has class {content[0]}, expected 0 to 9")
                    continue
                record = {"id": f"{Path(file).stem}/{row}", "split": split, "label": names[content[0]]}
                yield NumberedRecord(
                    number, {**record, "image": media_path("image", {"bytes": _picture(content), "path": None})}
                )


def _has_batches(folder: Path) -> bool:
    return any((folder / name).is_file() for name in BATCHES)


def _expectation(folder: Path) -> str:
    pickled = [folder / name for name in ("data_batch_1", "cifar-10-batches-py/data_batch_1")]
    if any(path.is_file() for path in pickled):
        return f"it holds the Python version, whose pickles can run code when they are opened; {EXPECTED}"
    return EXPECTED


def _names(root: Path) -> tuple[str, ...]:
    """The class names; those of the paper if the file that lists them is missing."""
    path = root / NAMES
    note(path)
    if not path.is_file():
        return CLASSES
    names = tuple(line.strip() for line in read_text(path).split("\n") if line.strip())
    if len(set(names)) != len(CLASSES):
        raise UserError(f"{path}: it has {len(set(names))} class names, expected {len(CLASSES)}; download it again")
    return names


def _picture(content: bytes) -> bytes:
    pixels = np.frombuffer(content, np.uint8, offset=1).reshape(3, SIDE, SIDE).transpose(1, 2, 0)
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "BMP")
    return stream.getvalue()
