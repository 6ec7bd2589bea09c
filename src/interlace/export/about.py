"""export.json: format and origin of an export."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlace.errors import UserError
from interlace.inputs.checksums import EXPORTED
from interlace.tracking.files import read_json, write_json

VERSION = 1
WEIGHTS = "model.safetensors"
PROGRAMS = {"torch_export": "model.pt2", "onnx": "model.onnx"}  # format -> file

Format = Literal["safetensors", "huggingface", "torch_export", "onnx"]


class ProgramInput(BaseModel):
    """An input of an exported program: the modality, the part of its `RawBatch`, and the shape of its longest batch.

    A dimension is an int, or the name of a dynamic one; `shortest` and `longest` bound the sequence axis, if any.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
    modality: str
    part: Literal["x", "length", "present"]
    dtype: Literal["int64", "uint8", "int16", "float32", "bool"]
    shape: list[int | str]
    shortest: Annotated[int, Field(ge=1, le=2**31)] = 1
    longest: Annotated[int, Field(ge=1, le=2**31)] | None = None


class About(BaseModel):
    """The content of export.json. `outputs`: names of a program's outputs, the main one first. `encoder`: the modality
    whose encoder alone the program is. `check`: its differences from the model over the test split, and speeds."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Format
    version: int
    interlace: str
    run: dict[str, str | int | None]
    inputs: list[ProgramInput] = []
    outputs: list[str] = []
    encoder: str | None = None
    check: dict[str, Any] | None = None


def write_about(folder: Path, about: About) -> None:
    """Write export.json."""
    write_json(folder / EXPORTED, about.model_dump())


def read_about(folder: Path) -> About:
    """Read export.json. Raises UserError for a folder that is no export, and for a later version of the layout."""
    path = folder / EXPORTED
    if not path.is_file():
        why = "it has no export.json" if folder.is_dir() else "no such folder"
        raise UserError(f"{folder}: not an export ({why}); expected a folder that `interlace export` wrote")
    try:
        about = About.model_validate(read_json(path))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise UserError(
            f"{path}: damaged, {where[:80]}: {error.errors()[0]['msg']}; copy the export again from where it was made"
        ) from None
    if about.version > VERSION:
        raise UserError(f"{path}: layout {about.version}, and this version reads up to {VERSION}; update interlace")
    return about


def input_names(modalities: Mapping[str, Any]) -> dict[str, str]:
    """Return an identifier for each modality: its name with other characters as underscores, numbered if it repeats."""
    found: dict[str, str] = {}
    for name in modalities:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)[:60]
        plain = plain if plain[:1].isalpha() or plain[:1] == "_" else f"_{plain}"
        while plain in found.values():
            plain += "_"
        found[name] = plain
    return found
