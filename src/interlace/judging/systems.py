"""Answers of systems to the same test items, from runs or from files of JSON lines."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlace.errors import UserError
from interlace.inputs import note
from interlace.inputs.checksums import repair_hint, verified_path
from interlace.reading.tables import parquet_error, read_table
from interlace.tracking.files import read_yaml

if TYPE_CHECKING:
    import pandas as pd

PREDICTIONS, SCORE = "predictions.parquet", "score/"
ANSWERS = ("text", "prediction", "hypothesis")  # fields of an answer, the first that is there
INPUTS = ("source", "prompt", "question")  # fields of the text that is answered
REFERENCES = ("reference", "label", "target")


@dataclass
class System:
    """A system's answers by id of the test item, with the texts that the items have in the same file.

    `run`: the directory of a run; None for a file. `metrics`: automatic scores of the answers, by metric and id.
    """

    name: str
    path: Path
    run: Path | None
    answers: dict[str, str]
    inputs: dict[str, dict[str, str]]
    references: dict[str, str]
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)


def read_systems(paths: Sequence[Path]) -> list[System]:
    """Return the systems of run directories and files, each with a name of its own.

    Raises UserError for fewer than two, and unless all have answers to the same test items.
    """
    if len(paths) < 2:
        raise UserError(f"judge make: got {len(paths)} system; give two or more runs or files of answers")
    if len({path.resolve() for path in paths}) < len(paths):
        raise UserError("judge make: the same run or file is given twice; give each once")
    systems = [_of_run(path) if path.is_dir() else _of_file(path) for path in paths]
    for system, name in zip(systems, _names(systems), strict=True):
        system.name = name
    for other in systems[1:]:
        _check_same(systems[0], other)
    return systems


def shown(value: Any) -> str:
    """A prediction or label as text: numbers with three digits, lists with commas between."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.3g}"
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        return ", ".join(map(shown, value))
    return str(value)


def _of_run(directory: Path) -> System:
    path = directory / PREDICTIONS
    if not path.is_file():
        raise UserError(f"{directory}: no {PREDICTIONS} in it, so it answered no test items; {repair_hint(directory)}")
    note(verified_path(directory, PREDICTIONS))
    try:
        table = read_table(path).to_pandas()
    except (OSError, ValueError) as error:
        raise parquet_error(path, error, repair_hint(directory)) from None
    column = next((name for name in ANSWERS if name in table), None)
    if column is None or "id" not in table:
        raise UserError(f"{path}: it has no answers that people could judge (none of {', '.join(ANSWERS)})")
    table = table.assign(id=table["id"].astype(str)).drop_duplicates("id").set_index("id")
    answers = {str(name): shown(value) for name, value in table[column].items()}
    reference = next((name for name in REFERENCES if name in table), None)
    return System(
        "",
        directory,
        directory,
        answers,
        {name: {str(k): shown(v) for k, v in table[name].items()} for name in INPUTS if name in table},
        {} if reference is None else {str(k): shown(v) for k, v in table[reference].items()},
        _metrics(table),
    )


def _metrics(table: "pd.DataFrame") -> dict[str, dict[str, float]]:
    columns = {name.removeprefix(SCORE): table[name] for name in map(str, table.columns) if name.startswith(SCORE)}
    if "correct" in table:
        columns.setdefault("correct", table["correct"].astype(float))
    if "error" in table:
        columns.setdefault("absolute error", table["error"].abs())
    return {
        name: {str(item): float(value) for item, value in column.items() if math.isfinite(value)}
        for name, column in columns.items()
    }


def _of_file(path: Path) -> System:
    from interlace.data.manifest.lines import identity, read_lines
    from interlace.data.problems import error_for

    lines, problems = read_lines(path)
    if problems:
        raise error_for(str(path), problems, 'expected {"id": ..., "text": ...} in each line')
    found = System("", path, None, {}, {}, {})
    for line in lines:
        name, record = identity(line), line.record
        answer = next((record[key] for key in ANSWERS if record.get(key) is not None), None)
        if answer is None or name in found.answers:
            what = f"the id {name[:40]!r} occurs twice" if answer is not None else "no answer"
            raise UserError(f"{path}: line {line.number}: {what}; expected an id of its own and one of {ANSWERS}")
        found.answers[name] = shown(answer)
        for key in INPUTS:
            if record.get(key) is not None:
                found.inputs.setdefault(key, {})[name] = shown(record[key])
        reference = next((record[key] for key in REFERENCES if record.get(key) is not None), None)
        if reference is not None:
            found.references[name] = shown(reference)
        _note_scores(found, name, record)
    return found


def _note_scores(system: System, name: str, record: Mapping[str, Any]) -> None:
    """Keep the numbers under "scores" of a line, as the automatic metrics of its answer."""
    scores = record.get("scores")
    for metric, value in scores.items() if isinstance(scores, Mapping) else ():
        if isinstance(value, int | float) and math.isfinite(value):
            system.metrics.setdefault(str(metric)[:80], {})[name] = float(value)


def _check_same(first: System, other: System) -> None:
    """Raises UserError unless two systems answered the same items with the same texts and references."""
    common = first.answers.keys() & other.answers.keys()
    if len(common) < len(first.answers) or len(common) < len(other.answers):
        raise UserError(
            f"{other.path}: it answers {len(other.answers):,} test items and {first.path} answers "
            f"{len(first.answers):,}, of which {len(common):,} have the same id; give systems with the same test items"
        )
    pairs = [(first.inputs[name], other.inputs[name], name) for name in first.inputs if name in other.inputs]
    for mine, theirs, what in [*pairs, (first.references, other.references, "reference")]:
        for item in mine.keys() & theirs.keys():
            if mine[item] != theirs[item]:
                raise UserError(
                    f"{other.path}: test item {item[:60]!r} has another {what} than in {first.path}; give systems with "
                    "the same test items"
                )


def _names(systems: Sequence[System]) -> list[str]:
    """The shortest of four kinds of name that tells the systems apart."""
    of_runs = [_parts(system) for system in systems]
    for kind in range(3):
        names = [parts[kind] for parts in of_runs]
        if len(set(names)) == len(names):
            return names
    return [str(system.path.resolve()) for system in systems]


def _parts(system: System) -> tuple[str, str, str]:
    """Arm, arm with seed, and directory of a run; the name of a file three times."""
    if system.run is None:
        return (system.path.stem,) * 3
    directory = system.run.resolve()
    long = f"{directory.parent.name}/{directory.name}"
    config = read_yaml(verified_path(system.run, "config.yaml"))
    arm = config.get("arm") if isinstance(config, dict) else None
    return (str(arm), f"{arm}, {directory.name}", long) if arm else (long,) * 3
