"""A folder of judgements, drawn from the answers of several systems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from interlace.data.media_bytes import SIGNS
from interlace.errors import UserError, one_line
from interlace.folders import whole_folder
from interlace.inputs import note
from interlace.judging.drawing import MAX_REPEATS, Identical, Task, draw_orders, draw_pairs, draw_scale
from interlace.judging.folder import (
    MAX_MEDIA_BYTES,
    MAX_RATERS,
    MAX_TEXT,
    MEDIA,
    SUFFIXES,
    Key,
    KeyedSystem,
    KeyedTask,
    Settings,
    ShownMedia,
    ShownTask,
    ShownText,
    write_files,
)
from interlace.judging.systems import System, read_systems
from interlace.reading.files import read_bytes

ANCHORS = ("useless", "poor", "fair", "good", "excellent")
QUESTIONS = {"pairs": "Which answer is better?", "scale": "How good is the answer?"}
KINDS: tuple[Literal["image", "audio", "video"], ...] = ("image", "audio", "video")
MOVED = ((4, b"ftyp", ".mp4"), (0, b"\x1aE\xdf\xa3", ".webm"))


@dataclass(frozen=True)
class Plan:
    """Settings of the draw.

    `items`: comparisons in pairs, test items on a scale. `repeats`: share of a rater's tasks that are shown twice.
    `question`, `anchors`: None for those of the design. `inputs`: a file of examples with the inputs.
    """

    design: Literal["pairs", "scale"] = "pairs"
    items: int = 50
    repeats: float = 0.1
    raters: int = 3
    identical: Identical = "tie"
    seed: int = 0
    question: str | None = None
    anchors: tuple[str, ...] | None = None
    inputs: Path | None = None
    reference: bool = False


@dataclass(frozen=True)
class Made:
    """Numbers about a folder, for the person who made it."""

    systems: tuple[str, ...]
    shown: int
    identical: int
    turns: int
    files: int


def make_folder(paths: Sequence[Path], output: Path, plan: Plan, command: str = "") -> Made:
    """Draw tasks from runs, or files of answers, and write them to a folder that must not exist.

    Raises UserError where systems do not fit each other or the plan, or an input cannot be read.
    """
    _check(plan, output)
    systems = read_systems(paths)
    items = sorted(systems[0].answers)
    answers = [[system.answers[item] for system in systems] for item in items]
    rng = np.random.default_rng(plan.seed)
    if plan.design == "pairs":
        tasks = draw_pairs(answers, plan.items, plan.identical, rng)
    else:
        tasks = draw_scale(answers, plan.items, rng)
    orders = draw_orders(tasks, plan.raters, plan.repeats, plan.design == "pairs", rng)
    if not orders[0]:
        raise UserError("judge make: the systems gave the same answer to each drawn item; draw more with --items")
    anchors = list(plan.anchors or ANCHORS) if plan.design == "scale" else []
    settings = Settings(
        design=plan.design,
        question=plan.question or QUESTIONS[plan.design],
        anchors=anchors,
        raters=plan.raters,
        identical=plan.identical,
        seed=plan.seed,
        command=command,
    )
    with whole_folder(output) as folder:
        (folder / MEDIA).mkdir()
        inputs = _inputs(systems, [items[task.item] for task in tasks if not task.identical], plan, folder / MEDIA)
        shown = [_shown(number, task, items[task.item], systems, inputs) for number, task in enumerate(tasks)]
        key = Key(
            systems=[KeyedSystem(name=each.name, run=_run(each)) for each in systems],
            tasks=[_keyed(each.id, task, items[task.item], systems) for each, task in zip(shown, tasks, strict=True)],
        )
        write_files(folder, settings, shown, orders, key)
        files = sum(1 for _ in (folder / MEDIA).iterdir())
    identical = sum(task.identical for task in tasks)
    return Made(tuple(each.name for each in systems), len(tasks) - identical, identical, len(orders[0]), files)


def _check(plan: Plan, output: Path) -> None:
    if output.exists():
        raise UserError(f"{output}: exists already; name a new folder, as raters may have begun with this one")
    if not 0 <= plan.repeats <= MAX_REPEATS:
        raise UserError(f"--repeats {plan.repeats:g}: expected a share from 0 to {MAX_REPEATS:g}, such as 0.1")
    if plan.items < 1 or not 1 <= plan.raters <= MAX_RATERS:
        raise UserError(f"judge make: --items is at least 1 and --raters from 1 to {MAX_RATERS}")
    if plan.anchors is not None and (plan.design == "pairs" or not 2 <= len(plan.anchors) <= 9):
        raise UserError("--anchors: expected 2 to 9 words with commas between, from the worst, with --design scale")


def _run(system: System) -> str | None:
    return None if system.run is None else "/".join(system.run.resolve().parts[-2:])


def _shown(number: int, task: Task, item: str, systems: Sequence[System], inputs: Mapping[str, "_Inputs"]) -> ShownTask:
    given = [systems[each].answers[item] for each in task.systems]
    found = inputs.get(item, _Inputs([], []))
    return ShownTask(
        id=f"t{number:05d}",
        item=item[:1000],
        texts=found.texts,
        media=found.media,
        answers=[text[:MAX_TEXT] for text in given[: task.answers]],
        identical=task.identical,
    )


def _keyed(identity: str, task: Task, item: str, systems: Sequence[System]) -> KeyedTask:
    metrics = {
        name: [systems[each].metrics.get(name, {}).get(item) for each in task.systems]
        for name in dict.fromkeys(name for system in systems for name in system.metrics)
    }
    return KeyedTask(id=identity, systems=list(task.systems), metrics=metrics)


@dataclass(frozen=True)
class _Inputs:
    texts: list[ShownText]
    media: list[ShownMedia]


def _inputs(systems: Sequence[System], items: Sequence[str], plan: Plan, folder: Path) -> dict[str, _Inputs]:
    """The inputs of items by id, with their media in `folder`: of `plan.inputs`, else of a run's data, else texts."""
    found = {item: _Inputs(_texts(systems, item, plan.reference), []) for item in items}
    with TemporaryDirectory() as temporary:
        for item, (texts, media) in _examples(systems, list(found), plan, Path(temporary)).items():
            known = {each.text for each in found[item].texts}
            found[item].texts[:0] = [ShownText(name=n[:200], text=t[:MAX_TEXT]) for n, t in texts if t not in known]
            for kind, name, path in media:
                found[item].media.append(_copied(kind, name, path, folder))
    return found


def _texts(systems: Sequence[System], item: str, reference: bool) -> list[ShownText]:
    texts: dict[str, str] = {}
    for system in systems:
        texts |= {name: values[item] for name, values in system.inputs.items() if item in values}
    if reference:
        given = next((each.references[item] for each in systems if item in each.references), None)
        if given is None:
            raise UserError(f"--reference: test item {item[:60]!r} has no reference; leave the option out")
        texts["reference"] = given
    return [ShownText(name=name, text=text[:MAX_TEXT]) for name, text in texts.items() if text]


Example = tuple[list[tuple[str, str]], list[tuple[Literal["image", "audio", "video"], str, Path]]]


def _examples(systems: Sequence[System], items: Sequence[str], plan: Plan, folder: Path) -> dict[str, Example]:
    """Texts and media of items that are not in the systems' own files, by id."""
    if plan.inputs is not None:
        return _of_file(plan.inputs, items)
    run = next((system.run for system in systems if system.run is not None), None)
    if run is None or any("source" in system.inputs for system in systems):
        return {}
    from interlace.judging.examples import write_again

    try:
        written = write_again(run, items, folder)
    except Exception as error:  # any error of reading data
        raise UserError(
            f"{run}: the inputs of its test items cannot be read again ({one_line(error)}); give them with --inputs "
            "FILE, examples with the same ids"
        ) from None
    return {
        item: (
            [(str(name), str(text)) for name, text in example["text"].items()],
            [(kind, str(name), folder / path) for kind in KINDS for name, path in example.get(kind, {}).items()],
        )
        for item, example in written.items()
    }


def _of_file(path: Path, items: Sequence[str]) -> dict[str, Example]:
    """Texts and media of examples as `data.path` takes them: fields with a path to a file of media, and texts."""
    from interlace.data.manifest.lines import identity, read_lines

    lines, _ = read_lines(path)
    wanted, found = set(items), {}
    for line in lines:
        if (name := identity(line)) in wanted:
            found[name] = _of_record(line.record, path.resolve().parent)
    if len(found) < len(wanted):
        raise UserError(f"{path}: it lacks {len(wanted) - len(found)} of the drawn test items, such as "
                        f"{next(iter(wanted - set(found)))[:60]!r}; give a file with all of them")  # fmt: skip
    return found


def _of_record(record: Mapping[str, Any], folder: Path) -> Example:
    from interlace.data.media_fields import resolve
    from interlace.data.problems import BadExample

    texts: list[tuple[str, str]] = []
    media: list[tuple[Literal["image", "audio", "video"], str, Path]] = []
    for name, value in record.items():
        if not isinstance(value, str) or name in ("id", "split", "label", "target", "reference"):
            continue
        kind = next((kind for kind in KINDS if Path(value).suffix.lower() in (*SUFFIXES[kind], ".jpeg")), None)
        if kind is None or " " in value.strip():
            texts.append((name, value))
            continue
        try:
            media.append((kind, name, resolve(name, value, folder, allow_outside=False)))
        except BadExample as error:
            raise UserError(f"{folder}: {error}") from None
    return texts, media


def _copied(kind: Literal["image", "audio", "video"], name: str, path: Path, folder: Path) -> ShownMedia:
    """Copy a file of media into the folder under a name that tells nothing; UserError unless its content is known."""
    note(path)
    try:
        if path.stat().st_size > MAX_MEDIA_BYTES:
            raise UserError(f"{path}: more than {MAX_MEDIA_BYTES >> 20} MiB, too large to show; give a shorter one")
        content = read_bytes(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    signs = [end for start, sign, end in (*SIGNS, *MOVED) if content[start : start + len(sign)] == sign]
    suffix = ".apng" if kind == "video" and signs[:1] == [".png"] else (signs or [""])[0]
    if suffix not in SUFFIXES[kind]:
        raise UserError(f"{path}: its content is no {kind} of the kinds {', '.join(SUFFIXES[kind])}")
    target = folder / f"{sum(1 for _ in folder.iterdir()):06d}{suffix}"
    target.write_bytes(content)
    return ShownMedia(kind=kind, name=name[:200], file=target.name)
