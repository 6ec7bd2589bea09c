"""Test examples with their inputs and the answer of every arm, chosen where the arms disagree."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from interlace.errors import one_line
from interlace.judging.examples import write_again
from interlace.report.comparison import Comparison
from interlace.report.disputes import disputed_items

MAX_EXAMPLES = 8
MAX_MEDIA_BYTES = 400_000
MEDIA_TYPES = {
    "image": {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"},
    "video": {".apng": "image/apng", ".gif": "image/gif", ".webp": "image/webp"},
    "audio": {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".mp3": "audio/mpeg"},
}


@dataclass(frozen=True)
class ArmAnswer:
    """The answer of one arm; `probability` is that of the answer, NaN where it is not recorded."""

    cell: str
    prediction: str
    correct: bool | None
    probability: float
    control: bool


@dataclass(frozen=True)
class Example:
    """One test example; `media` holds (kind, modality, data URI or "" when the file is too large or missing)."""

    id: str
    texts: dict[str, str]
    media: list[tuple[str, str, str]]
    label: str
    groups: dict[str, str]
    answers: list[ArmAnswer]


@dataclass(frozen=True)
class Examples:
    """The examples to show.

    `disputed`: examples on which strategies disagree come first. `note`: a sentence where the choice was limited to
    examples in run directories, else "".
    """

    shown: list[Example]
    disputed: bool = False
    note: str = ""


def choose_examples(comparison: Comparison) -> Examples:
    """At most `MAX_EXAMPLES` test examples, with the answers of each arm's first finished seed.

    First those of all test items on which strategies disagree, then those in the directory of the best cell's first
    run. Media that are not in this directory are written again from the run's data.
    """
    owner, kept = comparison.example_owner, {str(item["id"]): item for item in comparison.example_items}
    if owner is None or not kept:
        return Examples([])
    disputed, note = disputed_items(comparison), ""
    wanted = list(dict.fromkeys([*disputed[:MAX_EXAMPLES], *kept]))[:MAX_EXAMPLES]
    with TemporaryDirectory() as made:
        places = {name: (item, owner.directory) for name, item in kept.items()}
        absent = [name for name in wanted if name not in kept]
        try:
            found = write_again(owner.directory, absent, Path(made)) if absent else {}
            places |= {name: (item, Path(made)) for name, item in found.items()}
        except Exception as error:  # any error of reading data: the report is written without these examples
            reason = "test examples that a run keeps with their inputs, since the data could not be read again"
            note = f"Chosen among the {len(kept)} {reason}: {one_line(error).rstrip('.')}."
            disputed = [name for name in disputed if name in kept]
            wanted = list(dict.fromkeys([*disputed, *kept]))[:MAX_EXAMPLES]
        read = {cell: comparison.predictions.get(run.directory) for cell, run in comparison.example_runs.items()}
        tables = {cell: each.rows(wanted) for cell, each in read.items() if each is not None}
        return Examples([_example(comparison, *places[name], tables) for name in wanted], bool(disputed), note)


def _example(
    comparison: Comparison,
    item: Mapping[str, Any],
    folder: Path,
    tables: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> Example:
    media = [
        (kind, str(name), data_uri(folder, str(path), kind))
        for kind in MEDIA_TYPES
        for name, path in _mapping(item.get(kind)).items()
    ]
    answers = [
        _answer(cell, table[str(item["id"])], comparison.is_control(cell))
        for cell, table in tables.items()
        if str(item["id"]) in table
    ]
    texts = {str(name): str(text) for name, text in _mapping(item.get("text")).items()}
    groups = {str(name): str(value) for name, value in _mapping(item.get("groups")).items()}
    return Example(str(item["id"]), texts, media, str(item.get("label", "")), groups, answers)


def _answer(cell: str, row: Mapping[str, Any], control: bool) -> ArmAnswer:
    prediction = row.get("prediction", row.get("text"))
    text = f"{prediction:.3g}" if isinstance(prediction, float) else str(prediction)
    correct = bool(row["correct"]) if "correct" in row else None
    return ArmAnswer(cell, text, correct, float(row["probability"]), control)


def data_uri(folder: Path, relative: str, kind: str) -> str:
    """A media file of a folder as a data URI; "" when absent, outside it, too large or of another type."""
    path = (folder / relative).resolve()
    media_type = MEDIA_TYPES[kind].get(path.suffix.lower())
    if media_type is None or not path.is_relative_to(folder.resolve()) or not path.is_file():
        return ""
    if path.stat().st_size > MAX_MEDIA_BYTES:
        return ""
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}
