"""What a manifest holds and what is wrong with it: counts by split, class and modality, and its bad lines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from interlace.configuration.compose import compose_node
from interlace.data.encoding import lookup
from interlace.data.manifest.datamodule import Example, Manifest
from interlace.data.manifest.schema import RESERVED
from interlace.data.manifest.splitting import SPLITS
from interlace.data.problems import Problem
from interlace.errors import UserError

SHOWN_CLASSES = 20


class Findings(NamedTuple):
    """Problems in the order of lines; `summary` is plain JSON:

    lines, examples, task, fields (name: what it is), splits (name: examples, present (modality: examples), and classes
    (name: examples) or the labels' mean, min and max), drawn (splits that no line names), notes (sentences).
    """

    problems: list[Problem]
    summary: dict[str, Any]


def examine(path: Path, **options: Any) -> Findings:
    """Looks at every line and every file it names; options as in conf/data/manifest.yaml.

    Raises UserError for what is no matter of single lines: no file, no examples, no modality.
    """
    defaults = {k: v for k, v in compose_node("data", "manifest").items() if k != "_target_"}
    manifest = Manifest(**{**defaults, **options, "path": str(path), "on_error": "raise"})
    examples, problems = manifest.inspect()
    bad = {problem.line for problem in problems}
    sound = [example for example in examples if example.line.number not in bad]
    return Findings(problems, _summary(manifest, sound, len(examples) + len(bad - {e.line.number for e in examples})))


def check(path: Path, **options: Any) -> list[Problem]:
    """Every problem of a manifest's lines, in order; see `examine`."""
    return examine(path, **options).problems


def _summary(manifest: Manifest, examples: Sequence[Example], num_lines: int) -> dict[str, Any]:
    notes: list[str] = []
    try:
        assigned = manifest.assign(examples) if examples else []
    except UserError as error:
        notes.append(str(error))
        assigned = [example.named_split for example in examples]
    splits = {
        name: _split(manifest, [e for e, split in zip(examples, assigned, strict=True) if split == name])
        for name in SPLITS
    }
    named = {example.named_split for example in examples}
    return {
        "lines": num_lines,
        "examples": len(examples),
        "task": manifest.task,
        "fields": _fields(manifest, examples),
        "splits": splits,
        "drawn": [name for name in SPLITS[1:] if name not in named and splits[name]["examples"]],
        "seed": manifest.seed,
        "notes": notes + _unlearnable(splits),
    }


def _split(manifest: Manifest, examples: Sequence[Example]) -> dict[str, Any]:
    present = {
        name: sum(lookup(e.line.record, name) is not None for e in examples) for name in manifest.modalities
    }  # fmt: skip
    found: dict[str, Any] = {"examples": len(examples), "present": present}
    if manifest.task == "classification":
        found["classes"] = dict(sorted(Counter(str(e.label) for e in examples).items()))
    elif manifest.task == "regression" and examples:
        labels = np.array([e.label for e in examples], dtype=np.float64)
        found["labels"] = {"mean": float(labels.mean()), "min": float(labels.min()), "max": float(labels.max())}
    return found


def _fields(manifest: Manifest, examples: Sequence[Example]) -> dict[str, str]:
    """Every field that a line has, modalities first, with what it is taken for."""
    kinds = {name: str(spec.kind) for name, spec in manifest.modalities.items()}
    prompts = {"prompt": "prompt"} if manifest.task == "generation" else {}
    roles = {**{name: name for name in RESERVED}, **prompts, **dict.fromkeys(manifest.group_fields, "group")}
    others = dict.fromkeys(key for e in examples for key in e.line.record if key not in kinds and key != "features")
    return kinds | {name: roles.get(name, "not used") for name in others}


def _unlearnable(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Sentences on what validation or test have and training lacks, and the other way round."""
    notes = []
    for key, noun in (("classes", "class"), ("present", "modality")):
        counts = {split: {k: n for k, n in content.get(key, {}).items() if n} for split, content in splits.items()}
        for name in sorted({*counts["val"], *counts["test"]} - {*counts["train"]}):
            where = " and ".join(f"{split} ({counts[split][name]})" for split in SPLITS[1:] if name in counts[split])
            notes.append(f"{noun} {name!r} is only in {where}: a model cannot learn it from the training split")
        if key == "classes" and counts["test"]:
            absent = sorted({*counts["train"]} - {*counts["test"]})
            notes += [f"class {name!r} is in no test example: its accuracy is not measured" for name in absent]
    return notes


def table(summary: Mapping[str, Any]) -> list[str]:
    """The summary as lines for a terminal."""
    splits: Mapping[str, Mapping[str, Any]] = summary["splits"]
    fields = ", ".join(f"{name} ({what})" for name, what in summary["fields"].items())
    rows = [("examples", [s["examples"] for s in splits.values()])]
    classes = Counter({n: c for s in splits.values() for n, c in s.get("classes", {}).items()})
    names = sorted({name for s in splits.values() for name in s.get("classes", {})})
    rows += [(f"class {n}", [s.get("classes", {}).get(n, 0) for s in splits.values()]) for n in names[:SHOWN_CLASSES]]
    rows += [(f"with {name}", [s["present"][name] for s in splits.values()]) for name in splits["train"]["present"]]
    width = max(len(name) for name, _ in rows)
    lines = [
        f"{summary['lines']} lines, {summary['examples']} examples that can be used; task: {summary['task']}"
        + (f" into {len(classes)} classes" if classes else ""),
        f"fields: {fields}",
        f"{'':{width}} " + "".join(f"{name:>9}" for name in (*splits, "all")),
        *(f"{name:{width}} " + "".join(f"{n:>9,}" for n in (*ns, sum(ns))) for name, ns in rows),
    ]
    if len(names) > SHOWN_CLASSES:
        lines.append(f"and {len(names) - SHOWN_CLASSES} more classes")
    for name, content in splits.items():
        if labels := content.get("labels"):
            lines.append(f"labels of {name}: mean {labels['mean']:.4g}, {labels['min']:.4g} to {labels['max']:.4g}")
    if summary["drawn"]:
        lines.append(f"drawn with data.seed={summary['seed']}, as no line names them: {', '.join(summary['drawn'])}")
    return [*lines, *(f"note: {note}" for note in summary["notes"])]
