"""Runs side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from interlace.inputs.sealing import whole_json
from interlace.runs import Run
from interlace.tracking.manifest import MANIFEST

PREDICTIONS = "predictions.parquet"
COSTS = ("num_parameters", "flops_per_example", "seconds", "peak_memory_mb")


def compare_runs(runs: Sequence[Run]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Settings in which the runs differ, and all figures; each name maps to one value a run (None = absent)."""
    configs = [flatten(run.config) for run in runs]
    settings = _aligned([{k: v for k, v in c.items() if not k.startswith("choices.")} for c in configs])
    results = [run.results for run in runs]
    metrics = _aligned([{**r["metrics"], **{name: r[name] for name in COSTS}} for r in results])
    return {k: v for k, v in settings.items() if any(x != v[0] for x in v)}, metrics


def compare_tests(runs: Sequence[Run]) -> list[str]:
    """A sentence for each run that was not measured on what the first was: other test examples, or other labels of the
    same. Where both are the same and the data of the same configuration are not, that is said."""
    first, *others = runs
    known = _answers(first)
    found = []
    for run in others:
        name, answers = f"{run.directory.parent.name}/{run.directory.name}", _answers(run)
        if known is not None and answers is not None:
            shared = [item for item in answers if item in known]
            changed = sum(answers[item] != known[item] for item in shared)
            if len(shared) < max(len(known), len(answers)):
                found.append(f"{name} was tested on {len(answers):,} examples and the first run on {len(known):,}, of "
                             f"which {len(shared):,} are the same: their figures are of different tests")  # fmt: skip
            if changed:
                found.append(f"{name}: {changed:,} of {len(shared):,} test examples have other labels than in the "
                             "first run: their figures are of different tests")  # fmt: skip
            if changed or len(shared) < max(len(known), len(answers)):
                continue
        if first.config["data"] == run.config["data"] and _fingerprint(first) != _fingerprint(run):
            what = "" if known is None else "; test examples and labels are the same"
            found.append(f"{name} had data of other content than the first run, under the same options{what}")
    return found


def _answers(run: Run) -> dict[str, Any] | None:
    """The right answer of each test example by its id; None for a run that keeps none."""
    if not (run.directory / PREDICTIONS).exists():
        return None
    table = run.predictions
    column = next((name for name in ("label", "reference") if name in table), None)
    return None if column is None else dict(zip(table["id"].astype(str), table[column].tolist(), strict=True))


def _fingerprint(run: Run) -> Any:
    return whole_json(run.directory, MANIFEST).get("data_fingerprint")


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    if isinstance(value, Mapping) and value:
        return {k: v for key, inner in value.items() for k, v in flatten(inner, f"{prefix}{key}.").items()}
    return {prefix[:-1]: value}


def _aligned(columns: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for column in columns for name in column)
    return {name: [column.get(name) for column in columns] for name in names}
