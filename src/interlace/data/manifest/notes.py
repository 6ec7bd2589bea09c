"""Notes about a manifest, as sentences for reports and for `data check`."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interlace.data.encoding import lookup
from interlace.data.manifest.example import Example, group_name
from interlace.data.manifest.leaks import digest, duplicate_notes, shared_value_notes
from interlace.data.manifest.splitting import SPLITS
from interlace.data.media_fields import TIMED, paths_with_spans
from interlace.data.notes import NAMES
from interlace.data.spellings import canonical
from interlace.data.task_spec import TaskSpec
from interlace.tokens import Kind

SHOWN = 5  # names listed in a sentence
MANY_CLASSES = 20
KEEP_TOGETHER = "data.fold_group=FIELD keeps examples that share a field in one split"


def content_of(examples: Sequence[Example], modalities: Mapping[str, Kind], spec: TaskSpec) -> dict[str, Any]:
    """The content of a split: examples, present (modality: examples), and counts or statistics of the labels."""
    present = Counter(dict.fromkeys(modalities, 0))
    for example in examples:
        record = example.line.record
        present.update(name for name in modalities if lookup(record, name) is not None)
    labels = spec.content([example.label for example in examples])
    return {"examples": len(examples), "present": dict(present), **labels}


def notes_on_splits(
    splits: Mapping[str, Sequence[Example]],
    modalities: Mapping[str, Kind],
    spec: TaskSpec,
    files: Mapping[str, str | None],
    folder: Path,
) -> list[str]:
    """Notes on what splits lack and share, and on classes that look like names."""
    content = {name: content_of(examples, modalities, spec) for name, examples in splits.items()}
    classes = len({name for part in content.values() for name in part.get("classes", {})})
    total = sum(map(len, splits.values()))
    notes = []
    if classes > max(MANY_CLASSES, total / 2):
        notes.append(f"label: {classes:,} classes in {total:,} examples: are they names, or texts to write (`target`)?")
    notes += shortfalls(content) + overlaps(splits, modalities, files, folder)
    return notes + shared_recordings(splits, modalities, files, folder)


def shortfalls(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Notes on classes and modalities absent from some splits, and on splits of a single class; `splits`: `content_of`
    by split.
    """
    notes = []
    for key, noun, nouns in (("classes", "class", "classes"), ("present", "modality", "modalities")):
        counts = {split: {k: n for k, n in content.get(key, {}).items() if n} for split, content in splits.items()}
        places: dict[tuple[str, ...], list[str]] = {}
        for name in sorted({*counts["val"], *counts["test"]} - {*counts["train"]}):
            places.setdefault(tuple(split for split in SPLITS[1:] if name in counts[split]), []).append(name)
        for where, names in places.items():
            shown = " and ".join(f"{split} ({sum(counts[split][name] for name in names):,})" for split in where)
            subject = f"{noun if len(names) == 1 else nouns} {_listed(names)} {'is' if len(names) == 1 else 'are'}"
            them = "it" if len(names) == 1 else "them"
            notes.append(f"{subject} only in {shown}: a model cannot learn {them} from the training split")
        absent = sorted({*counts["train"]} - {*counts["test"]}) if counts["test"] else []
        if absent and key == "classes":
            subject = f"{noun if len(absent) == 1 else nouns} {_listed(absent)} {'is' if len(absent) == 1 else 'are'}"
            notes.append(
                f"{subject} in no test example: accuracy on {'it' if len(absent) == 1 else 'them'} is not measured"
            )
        elif absent:
            notes.append(f"modality {_listed(absent)} is in no test example: its contribution is not measured")
        for split in SPLITS if key == "classes" else ():
            if len(counts[split]) == 1 and len({*counts["train"], *counts["val"], *counts["test"]}) > 1:
                only = next(iter(counts[split]))
                notes.append(f"all {NAMES[split]} examples are of class {only!r}: a constant is right on all of them")
    return notes


def overlaps(
    splits: Mapping[str, Sequence[Example]],
    modalities: Mapping[str, Kind],
    files: Mapping[str, str | None],
    folder: Path,
) -> list[str]:
    """Notes on content that several splits share: whole examples with their labels, and media. `files`: content hashes
    by path relative to `folder`.
    """

    def seen(value: Any) -> Any:
        if isinstance(value, str):
            path = os.path.relpath(os.path.join(folder, value), folder) if value else ""
            return files.get(path, value)
        if isinstance(value, Mapping):
            return {key: seen(inner) if key == "path" else inner for key, inner in sorted(value.items())}
        return [seen(inner) for inner in value] if isinstance(value, list) and value[:1] != [] and isinstance(
            value[0], str | Mapping) else value  # fmt: skip

    whole: dict[str, list[int]] = {}
    media: dict[str, dict[str, list[int]]] = {name: {} for name, kind in modalities.items() if kind != "text"}
    for split, examples in splits.items():
        whole[split] = []
        for example in examples:
            parts = []
            record = example.line.record
            for name, kind in modalities.items():
                value = lookup(record, name)
                shown = None if value is None else canonical(value) if kind == "text" else seen(value)
                parts.append(shown)
                if kind != "text":
                    media[name].setdefault(split, []).append(0 if shown is None else digest([shown]))
            whole[split].append(digest([*parts, example.label]))
    if not modalities:
        return []
    found = duplicate_notes(_arrays(whole), f"{' and '.join(modalities)} and label")
    if len(modalities) > 1 or not found:
        found += [note for name, of in media.items() for note in duplicate_notes(_arrays(of), f"content of {name}")]
    return [f"{note}: a leak, unless meant ({KEEP_TOGETHER})" for note in found]


def shared_recordings(
    splits: Mapping[str, Sequence[Example]],
    modalities: Mapping[str, Kind],
    files: Mapping[str, str | None],
    folder: Path,
) -> list[str]:
    """Notes on spans of the same audio or video file, by content, in several splits; `files` as in `overlaps`."""

    def file_of(path: str) -> str:
        return files.get(os.path.relpath(os.path.join(folder, path), folder)) or path

    found = []
    for name in (name for name, kind in modalities.items() if kind in TIMED):
        values = {
            split: [file_of(path) for e in examples for path in paths_with_spans(lookup(e.line.record, name))]
            for split, examples in splits.items()
        }
        found += shared_value_notes(values, f"files of which {name!r} names parts")
    advice = "a leak, unless meant (a field that names the file as data.fold_group keeps its parts in one split)"
    return [f"{note}: {advice}" for note in found]


def shared_groups(splits: Mapping[str, Sequence[Example]], field: str, *, drawn: bool) -> list[str]:
    """Notes on values of a field that occur in several splits; `drawn`: the field is data.fold_group, so that only
    lines that name their split can separate them.
    """
    values = {
        split: [group_name(e.line.record[field]) for e in examples if e.line.record.get(field) is not None]
        for split, examples in splits.items()
    }
    advice = "the lines name these splits" if drawn else f"data.fold_group={field} keeps them together in draws"
    return [f"{note}; {advice}" for note in shared_value_notes(values, f"values of {field!r}")]


def left_out(skipped: Mapping[str, int], lines: int) -> list[str]:
    """A sentence with the number of skipped lines by reason."""
    if not skipped:
        return []
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in skipped.items())
    return [f"{sum(skipped.values()):,} of {lines:,} lines are left out (data.on_error=skip): {reasons}"]


def _arrays(values: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    return {split: np.asarray(digests, dtype=np.uint64) for split, digests in values.items()}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more
