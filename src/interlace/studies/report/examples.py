"""Test examples with picture, sound, question and every arm's answer, chosen where the arms disagree."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlace.studies.report.comparison import Comparison
from interlace.studies.results import PlannedRun

MAX_EXAMPLES = 8
MAX_MEDIA_BYTES = 400_000
MEDIA_TYPES = {
    "image": {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"},
    "video": {".apng": "image/apng", ".gif": "image/gif", ".webp": "image/webp"},
    "audio": {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".mp3": "audio/mpeg"},
}


@dataclass(frozen=True)
class ArmAnswer:
    """What one arm answered: `probability` is its own for that answer, NaN where it states none."""

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


def choose_examples(comparison: Comparison) -> list[Example]:
    """At most `MAX_EXAMPLES` of the leader's first run, those on which arms disagree first, groups in turn.

    The choice is among the few that a run keeps with their inputs, not among all test items. Answers are those of each
    arm's first finished seed.
    """
    if not comparison.measured:
        return []
    first = comparison.first_runs()
    owner = first[comparison.leader or comparison.measured[0]]
    read = {cell: comparison.predictions.get(run.directory) for cell, run in first.items()}
    tables = {cell: each.rows for cell, each in read.items() if each is not None and each.rows is not None}
    built = [_example(comparison, item, owner, tables) for item in comparison.example_items]
    return spread_over_groups(sorted(built, key=disagreement, reverse=True))[:MAX_EXAMPLES]


def disagreement(example: Example) -> float:
    """p (1 - p) for the share p of arms that are right: largest where half are."""
    known = [answer.correct for answer in example.answers if answer.correct is not None]
    share = sum(known) / len(known) if known else 0.0
    return share * (1 - share)


def spread_over_groups(examples: Sequence[Example]) -> list[Example]:
    """The examples taken from their groups in turn, each group's order kept."""
    queues: dict[tuple[str, ...], list[Example]] = {}
    for example in examples:
        queues.setdefault(tuple(example.groups.values()), []).append(example)
    turns = [(turn, example) for queue in queues.values() for turn, example in enumerate(queue)]
    return [example for _, example in sorted(turns, key=lambda item: item[0])]


def _example(
    comparison: Comparison,
    item: Mapping[str, Any],
    owner: PlannedRun,
    tables: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> Example:
    media = [
        (kind, str(name), data_uri(owner.directory, str(path), kind))
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
    return ArmAnswer(cell, text, correct, float(row.get(f"p/{prediction}", float("nan"))), control)


def data_uri(folder: Path, relative: str, kind: str) -> str:
    """A media file of the run directory as a data URI; "" when absent, outside it, too large or of another type."""
    path = (folder / relative).resolve()
    media_type = MEDIA_TYPES[kind].get(path.suffix.lower())
    if media_type is None or not path.is_relative_to(folder.resolve()) or not path.is_file():
        return ""
    if path.stat().st_size > MAX_MEDIA_BYTES:
        return ""
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}
