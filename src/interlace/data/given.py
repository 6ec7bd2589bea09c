"""Examples given in Python (pictures, sounds and texts) as records, with their media as files of a temporary folder."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.tokens import ModalitySpec

# Arguments of `Run.predict` by the kind of modality that they are of.
PLURALS = {"images": "image", "texts": "text", "sounds": "audio"}


def records_of(given: Mapping[str, Any], modalities: Mapping[str, ModalitySpec], folder: Path) -> list[dict[str, Any]]:
    """A record for each example, its pictures and sounds written below `folder` without loss.

    `given` maps "images", "texts" or "sounds", where the run has one modality of that kind, or a modality's own name to
    one value or a list of values: pictures as PIL images, arrays (H, W, 3) or (H, W) uint8, or paths; sounds as arrays
    (S,) at the run's sample rate, pairs (array, sample rate), or paths; texts as str; other kinds as a manifest has
    them. None is a missing modality. UserError for names that the run does not have and for lists of unequal length.
    """
    columns: dict[str, list[Any]] = {}
    for argument, values in given.items():
        name = _modality(argument, modalities)
        kind = modalities[name].kind if name in modalities else "text"
        columns[name] = list(values) if _is_list(values, kind) else [values]
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name}: {number}" for name, number in lengths.items()) or "none"
        raise UserError(f"predict: give as many examples of each modality, in the same order; got {told}")
    records: list[dict[str, Any]] = [{} for _ in next(iter(columns.values()))]
    for name, values in columns.items():
        spec = modalities.get(name)
        for row, value in enumerate(values):
            if value is not None:
                records[row][name] = _value(value, name, row, spec, folder)
    return records


def _modality(argument: str, modalities: Mapping[str, ModalitySpec]) -> str:
    if argument in modalities or argument == "prompt":
        return argument
    named = [name for name, spec in modalities.items() if spec.kind == PLURALS.get(argument)]
    if len(named) == 1:
        return named[0]
    if named:
        raise UserError(f"predict: the run has several modalities of this kind; name them: {', '.join(named)}")
    known = [*modalities, *(each for each, kind in PLURALS.items() if kind in {s.kind for s in modalities.values()})]
    raise UserError(f"predict: the run has no {argument!r}; {did_you_mean(argument, known)}")


def _is_list(values: Any, kind: str) -> bool:
    """True if these are several examples rather than one."""
    if isinstance(values, np.ndarray):
        return values.ndim > {"image": 3, "audio": 1}.get(kind, 2)
    if kind == "audio" and isinstance(values, tuple) and len(values) == 2 and isinstance(values[1], int):
        return False
    return isinstance(values, Sequence) and not isinstance(values, str)


def _value(value: Any, name: str, row: int, spec: ModalitySpec | None, folder: Path) -> Any:
    """A value as a manifest has it."""
    kind = "text" if spec is None else spec.kind
    path = folder / f"{name}-{row}"
    if isinstance(value, Path) or (isinstance(value, str) and kind in ("image", "audio", "video")):
        source = Path(value).expanduser()
        if not source.is_file():
            raise UserError(f"predict: {name} of example {row + 1}: {source}: no such file")
        return shutil.copyfile(source, path.with_suffix(source.suffix)).name
    try:
        if kind == "image":
            return _written_picture(value, path.with_suffix(".png")).name
        if kind == "audio":
            return _written_sound(value, spec, path.with_suffix(".wav")).name
    except (TypeError, ValueError, OSError, AttributeError) as error:
        expected = "a PIL image, an array (H, W, 3) uint8" if kind == "image" else "an array (S,), (array, sample rate)"
        raise UserError(
            f"predict: {name} of example {row + 1}: got {type(value).__name__} ({error}); expected {expected} or a path"
        ) from None
    return value.tolist() if isinstance(value, np.ndarray) else value


def _written_picture(value: Any, path: Path) -> Path:
    picture = Image.fromarray(value) if isinstance(value, np.ndarray) else value
    picture.save(path)
    return path


def _written_sound(value: Any, spec: ModalitySpec | None, path: Path) -> Path:
    sound, rate = value if isinstance(value, tuple) else (value, spec.sample_rate if spec is not None else None)
    if rate is None:
        raise ValueError("no sample rate")
    sound = np.asarray(sound)
    subtype = "PCM_16" if sound.dtype == np.int16 else "FLOAT"
    soundfile.write(path, sound if subtype == "PCM_16" else sound.astype(np.float32), int(rate), subtype=subtype)
    return path
