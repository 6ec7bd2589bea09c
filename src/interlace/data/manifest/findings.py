"""Examination of a manifest: counts by split, class and modality, and the bad lines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from interlace.configuration.checking import check_node
from interlace.configuration.compose import compose_node
from interlace.configuration.keys import absent_key
from interlace.configuration.overrides import read_overrides
from interlace.data.manifest.datamodule import Manifest
from interlace.data.manifest.example import Example
from interlace.data.manifest.notes import content_of, shared_groups
from interlace.data.manifest.probing import Prober
from interlace.data.manifest.scaling import notes_on_scaling
from interlace.data.manifest.splitting import SPLITS
from interlace.data.problems import Problem
from interlace.errors import UserError

SHOWN_CLASSES = 12
SHOWN_FIELDS = 10
NOT_USED = "not used: "
SHARED = frozenset((
    "author", "dialog", "dialogue", "document", "participant", "patient", "person", "recording", "session", "speaker",
    "subject", "user", "video",
))  # fmt: skip


class Findings(NamedTuple):
    """The problems in the order of lines, and a `summary` as plain JSON:

    lines, examples, task, fields (name: its use, or why it is not used), splits (`notes.content_of` by name), drawn
    (splits that no line names), notes (sentences), problem (a sentence if the use of fields is unclear, else null).
    """

    problems: list[Problem]
    summary: dict[str, Any]


def examine(path: Path, **options: Any) -> Findings:
    """Check every line and every file that it names; options as in conf/data/manifest.yaml.

    Raises UserError for problems that do not concern single lines: no file, no examples, no labels.
    """
    defaults = {k: v for k, v in compose_node("data", "manifest").items() if k != "_target_"}
    manifest = Manifest(**{**defaults, **options, "path": str(path), "on_error": "raise"})
    examples, problems, prober = manifest.inspect()
    bad = {problem.line for problem in problems}
    usable = [example for example in examples if example.line.number not in bad]
    lines = len(examples) + len(bad - {e.line.number for e in examples})
    return Findings(problems, _summary(manifest, usable, lines, prober))


def options_of(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Options of conf/data/manifest.yaml with overrides, except `path`, checked as by `interlace train`."""
    given = read_overrides(overrides)
    for override in given:
        if not override.key_or_group.startswith("data.") or override.is_delete():
            raise UserError(f"{override.input_line}: expected only options of the data, such as data.task=regression")
    node = compose_node("data", "manifest")
    if problem := absent_key({"data": node}, given):
        raise UserError(problem)
    config = OmegaConf.create({"data": node})
    for override in given:
        plain: Any = OmegaConf.to_container(OmegaConf.create({"": override.value()}), resolve=True)
        OmegaConf.update(config, override.key_or_group, plain[""], force_add=True)
    changed: dict[str, Any] = OmegaConf.to_container(config)["data"]  # type: ignore[call-overload,index,assignment]
    check_node("data", {**changed, "path": str(path)})
    return {name: value for name, value in changed.items() if name not in ("_target_", "path")}


def check(path: Path, **options: Any) -> list[Problem]:
    """All problems of a manifest's lines, in order; see `examine`."""
    return examine(path, **options).problems


def _summary(manifest: Manifest, examples: Sequence[Example], num_lines: int, prober: Prober) -> dict[str, Any]:
    notes: list[str] = []
    try:
        assigned = manifest.assign(examples) if examples else []
    except UserError as error:
        notes.append(str(error))
        assigned = [example.named_split for example in examples]
    kinds = {name: spec.kind for name, spec in manifest.modalities.items()}
    held = {name: [e for e, split in zip(examples, assigned, strict=True) if split == name] for name in SPLITS}
    splits = {name: content_of(part, kinds, manifest.spec) for name, part in held.items()}
    named = {example.named_split for example in examples}
    assert manifest.schema is not None
    if examples:
        notes += manifest.notes_on(examples, assigned, prober, inspect=True)
        notes += [*_may_be_shared(manifest, held), *manifest.coverage(held)]
        notes += notes_on_scaling(held["train"], manifest.modalities, manifest.limits, prober.folder, prober.longest)
    notes += manifest.extra_notes  # from decoding in `inspect`
    return {
        "lines": num_lines,
        "examples": len(examples),
        "task": manifest.task,
        "fields": dict(manifest.schema.uses),
        "splits": splits,
        "drawn": [name for name in SPLITS[1:] if name not in named and splits[name]["examples"]],
        "seed": manifest.seed,
        "notes": notes,
        "problem": manifest.schema.problem,
    }


def _may_be_shared(manifest: Manifest, held: Mapping[str, Sequence[Example]]) -> list[str]:
    """Notes on fields whose names suggest dependent examples and whose values occur in several splits."""
    found = []
    for name in manifest.schema.fields if manifest.schema else ():
        if name.lower().removesuffix("_id").removesuffix("id") in SHARED and name not in (
            manifest.fold_group,
            manifest.cluster_field,
        ):
            found += shared_groups(held, name, drawn=False)
    return found


def table(summary: Mapping[str, Any]) -> list[str]:
    """The summary as lines for a terminal."""
    splits: Mapping[str, Mapping[str, Any]] = summary["splits"]
    rows = [("examples", [s["examples"] for s in splits.values()])]
    classes = Counter({n: c for s in splits.values() for n, c in s.get("classes", {}).items()})
    names = sorted({name for s in splits.values() for name in s.get("classes", {})})
    rows += [(f"class {n}", [s.get("classes", {}).get(n, 0) for s in splits.values()]) for n in names[:SHOWN_CLASSES]]
    rows += [(f"with {name}", [s["present"][name] for s in splits.values()]) for name in splits["train"]["present"]]
    width = max(len(name) for name, _ in rows)
    lines = [
        f"{summary['lines']} lines, {summary['examples']} usable examples; task: {summary['task']}"
        + (f" into {len(classes)} classes" if classes else ""),
        *_fields(summary["fields"]),
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


def _fields(uses: Mapping[str, str]) -> list[str]:
    """A line with the used fields, and one for each unused field, up to SHOWN_FIELDS."""
    unused = {name: use.removeprefix(NOT_USED) for name, use in uses.items() if use.startswith(NOT_USED)}
    used = ", ".join(f"{name} ({use})" if use != name else name for name, use in uses.items() if name not in unused)
    width = max(map(len, unused), default=0)
    listed = [f"  {name:{width}}  {why}" for name, why in list(unused.items())[:SHOWN_FIELDS]]
    left = len(unused) - len(listed)
    head = [f"fields: {used}", *(["not used:"] if unused else [])]
    return [*head, *listed, *([f"  and {left} more (--json lists them)"] if left else [])]
