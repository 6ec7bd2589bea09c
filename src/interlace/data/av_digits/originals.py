"""Reading of the original MNIST and FSDD files."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from interlace.errors import UserError
from interlace.reading.compressed import read_decompressed

SAMPLE_RATE = 8000


class Recordings(NamedTuple):
    """Recordings of spoken digits: names, digit (n,), speaker (n,) str, and the int16 samples of each."""

    names: list[str]
    digits: np.ndarray
    speakers: np.ndarray
    samples: list[np.ndarray]


def read_mnist(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) and labels (n,), uint8; `part` is "train" or "t10k"."""
    images = _read_idx(folder / f"{part}-images-idx3-ubyte.gz", 3)
    labels = _read_idx(folder / f"{part}-labels-idx1-ubyte.gz", 1)
    if len(images) != len(labels) or images.shape[1:] != (28, 28):
        raise UserError(f"{folder}: {part} has {len(labels)} labels for images of shape {images.shape}")
    return images, labels


def _read_idx(path: Path, rank: int) -> np.ndarray:
    """Read an idx file: two zero bytes, type 8 (unsigned byte), rank, big-endian sizes, values."""
    try:
        content = read_decompressed(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error}); download it again with `interlace data fetch mnist`"
        ) from None
    shape = tuple(int(n) for n in np.frombuffer(content[4 : 4 + 4 * rank], dtype=">u4"))
    if content[:4] != bytes((0, 0, 8, rank)) or len(content) != 4 + 4 * rank + math.prod(shape):
        raise UserError(f"{path}: not an idx file of rank {rank}; download it again with `interlace data fetch mnist`")
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * rank).reshape(shape)


def read_fsdd(folder: Path) -> Recordings:
    """All recordings ({digit}_{speaker}_{index}.wav), sorted by name."""
    paths = sorted((folder / "recordings").glob("*.wav"))
    parts = [path.stem.split("_") for path in paths]
    if not paths or any(len(part) != 3 or part[0] not in set("0123456789") for part in parts):
        raise UserError(f"{folder / 'recordings'}: expected files named DIGIT_SPEAKER_INDEX.wav")
    samples = []
    for path in paths:
        try:
            wave, rate = soundfile.read(path, dtype="int16")
        except (soundfile.SoundFileError, OSError) as error:
            raise UserError(
                f"{path}: cannot be read ({error}); download it again with `interlace data fetch fsdd`"
            ) from None
        if rate != SAMPLE_RATE or wave.ndim != 1 or not len(wave):
            raise UserError(f"{path}: expected mono sound at {SAMPLE_RATE} Hz")
        samples.append(wave)
    digits = np.array([int(part[0]) for part in parts])
    return Recordings([path.stem for path in paths], digits, np.array([part[1] for part in parts]), samples)
