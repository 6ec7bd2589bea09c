"""Storage of a fitted model as a folder of .npy arrays and JSON with checksums."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from interlace.errors import UserError
from interlace.folders import whole_folder
from interlace.models.ngram.settings import NgramSettings
from interlace.models.ngram.tables import BackoffTables
from interlace.reading.arrays import read_array
from interlace.reading.documents import parse_json, read_json
from interlace.reading.files import read_bytes

INDEX = "ngram.json"
FORMAT = 1


def save(folder: Path, settings: NgramSettings, tables: BackoffTables) -> None:
    """Write a temporary folder beside `folder` and rename it, replacing a model of that name.

    Raises UserError when `folder` is something else than a model or cannot be written.
    """
    if folder.exists() and not (folder / INDEX).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: already exists and is not an n-gram model; choose another folder")
    try:
        with whole_folder(folder) as temporary:
            _write(temporary, settings, tables)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot save the model ({error.strerror or error}); choose a folder with free space"
        ) from error


def _write(folder: Path, settings: NgramSettings, tables: BackoffTables) -> None:
    for n in range(1, tables.order + 1):
        if n > 1:
            np.save(folder / f"keys_{n}.npy", tables.keys[n - 1], allow_pickle=False)
        np.save(folder / f"log10_probs_{n}.npy", tables.log10_probs[n - 1], allow_pickle=False)
        if n < tables.order:
            np.save(folder / f"log10_backoffs_{n}.npy", tables.log10_backoffs[n - 1], allow_pickle=False)
    plain = asdict(settings)
    units = plain.pop("units")
    (folder / "units.json").write_text(json.dumps(units, ensure_ascii=False), encoding="utf-8", errors="surrogatepass")
    files = {path.name: _checksum(path) for path in sorted(folder.iterdir())}
    index = {"format": FORMAT, "settings": plain, "files": files}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> tuple[NgramSettings, BackoffTables]:
    """Load a model that `save` wrote. Raises UserError when it is missing, incomplete or changed."""
    try:
        index = read_json(folder / INDEX)
        if index["format"] != FORMAT:
            raise UserError(f"{folder / INDEX}: format {index['format']!r}, expected {FORMAT}; save the model again")
        for name, checksum in index["files"].items():
            if _checksum(folder / name) != checksum:
                raise UserError(f"{folder / name}: damaged, its checksum is not the saved one; save the model again")
        settings = _settings(folder, index["settings"])
        return settings, _tables(folder, settings)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: not found; expected a folder written by NgramModel.save") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder}: damaged or incomplete n-gram model ({error!r}); save it again") from error


def _settings(folder: Path, plain: dict[str, Any]) -> NgramSettings:
    units = parse_json(read_bytes(folder / "units.json").decode("utf-8", "surrogatepass"), folder / "units.json")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    values["units"] = None if units is None else tuple(units)
    return NgramSettings(**values)


def _tables(folder: Path, settings: NgramSettings) -> BackoffTables:
    def arrays(name: str, first: int, last: int) -> list[np.ndarray]:
        return [read_array(folder / f"{name}_{n}.npy", bounded=False) for n in range(first, last + 1)]

    base = settings.vocabulary_size + 1
    probs = arrays("log10_probs", 1, settings.order)
    if len(probs[0]) != base:
        raise ValueError(f"{len(probs[0])} unigrams for {base} codes")
    return BackoffTables(
        base,
        [np.arange(base, dtype=np.int64), *arrays("keys", 2, settings.order)],
        probs,
        arrays("log10_backoffs", 1, settings.order - 1),
    )


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside `path` that replaces it when the block succeeds and is deleted otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
