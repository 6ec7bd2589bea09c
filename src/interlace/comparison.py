"""Comparison of runs: differing settings, metrics and test data."""

from collections.abc import Mapping, Sequence
from typing import Any

from interlace.assembly.components import build_text_task
from interlace.assembly.texts import read_written
from interlace.configuration.checking import resolve_target
from interlace.data.parallel.datamodule import ParallelText
from interlace.inputs.checksums import read_verified_json
from interlace.runs import Run
from interlace.statistics.paired_segments import PairedResult, paired_test
from interlace.tasks.text_task import WrittenTexts
from interlace.tracking.manifest import MANIFEST

PREDICTIONS = "predictions.parquet"
COSTS = ("num_parameters", "flops_per_example", "seconds", "peak_memory_mb")


def compare_runs(runs: Sequence[Run]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Return the settings in which the runs differ, and all metrics; each name maps to one value per run or None."""
    configs = [flatten(run.config) for run in runs]
    settings = _aligned([{k: v for k, v in c.items() if not k.startswith("choices.")} for c in configs])
    results = [run.results for run in runs]
    metrics = _aligned([{**r["metrics"], **{name: r[name] for name in COSTS}} for r in results])
    return {k: v for k, v in settings.items() if any(x != v[0] for x in v)}, metrics


def compare_tests(runs: Sequence[Run]) -> list[str]:
    """Return a warning for each run whose test data differ from those of the first run.

    Test data differ in their examples or in the labels of the same examples. Where both are the same, a difference in
    the data fingerprint under the same data configuration is reported.
    """
    first, *others = runs
    first_labels = _labels(first)
    warnings = []
    for run in others:
        name, labels = f"{run.directory.parent.name}/{run.directory.name}", _labels(run)
        if first_labels is not None and labels is not None:
            shared = [item for item in labels if item in first_labels]
            changed = sum(labels[item] != first_labels[item] for item in shared)
            same_examples = len(shared) == len(first_labels) == len(labels)
            if not same_examples:
                warnings.append(
                    f"{name} was tested on {len(labels):,} examples and the first run on {len(first_labels):,}, of "
                    f"which {len(shared):,} are the same: their metrics are not comparable"
                )
            if changed:
                warnings.append(
                    f"{name}: {changed:,} of {len(shared):,} test examples have other labels than in the first run: "
                    "their metrics are not comparable"
                )
            if changed or not same_examples:
                continue
        if first.config["data"] == run.config["data"] and _fingerprint(first) != _fingerprint(run):
            detail = "" if first_labels is None else "; test examples and labels are the same"
            warnings.append(f"{name} used data of different content than the first run, under the same options{detail}")
    return warnings


def compare_texts(runs: Sequence[Run]) -> dict[str, dict[str, PairedResult]]:
    """Return, by name of a further run and by metric, paired tests with the first run over single texts.

    Empty unless the runs wrote texts for the same examples with the same references; metrics are those of the first
    run's task (`TextTask.segments`).
    """
    written = [_written(run) for run in runs]
    first = written[0]
    if first is None:
        return {}
    task = build_text_task(runs[0].config)
    own = task.segments(first)
    found: dict[str, dict[str, PairedResult]] = {}
    for run, other in zip(runs[1:], written[1:], strict=True):
        if other is None:
            continue
        places = {item: row for row, item in enumerate(other.pairs.ids)}
        if set(places) != set(first.pairs.ids):
            continue
        aligned = other.take([places[item] for item in first.pairs.ids])
        if aligned.pairs.references != first.pairs.references:
            continue
        theirs = task.segments(aligned)
        name = f"{run.directory.parent.name}/{run.directory.name}"
        found[name] = {metric: paired_test(own[metric], theirs[metric]) for metric in own if metric in theirs}
    return found


def _written(run: Run) -> WrittenTexts | None:
    """Return the texts that a run wrote for texts; None for another run."""
    if not issubclass(resolve_target("data", run.config["data"]), ParallelText):
        return None
    return read_written(run.predictions) if (run.directory / PREDICTIONS).exists() else None


def _labels(run: Run) -> dict[str, Any] | None:
    """Return the label or reference of each test example by its id; None for a run without predictions."""
    if not (run.directory / PREDICTIONS).exists():
        return None
    table = run.predictions
    column = next((name for name in ("label", "reference") if name in table), None)
    return None if column is None else dict(zip(table["id"].astype(str), table[column].tolist(), strict=True))


def _fingerprint(run: Run) -> Any:
    return read_verified_json(run.directory, MANIFEST).get("data_fingerprint")


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one flat mapping with dotted keys."""
    if isinstance(value, Mapping) and value:
        return {k: v for key, inner in value.items() for k, v in flatten(inner, f"{prefix}{key}.").items()}
    return {prefix[:-1]: value}


def _aligned(columns: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for column in columns for name in column)
    return {name: [column.get(name) for column in columns] for name in names}
