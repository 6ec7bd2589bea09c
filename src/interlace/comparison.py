"""Runs side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from interlace.runs import Run

COSTS = ("num_parameters", "flops_per_example", "seconds", "peak_memory_mb")


def compare_runs(runs: Sequence[Run]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Settings in which the runs differ, and all figures; each name maps to one value a run (None = absent)."""
    configs = [flatten(run.config) for run in runs]
    settings = _aligned([{k: v for k, v in c.items() if not k.startswith("choices.")} for c in configs])
    results = [run.results for run in runs]
    metrics = _aligned([{**r["metrics"], **{name: r[name] for name in COSTS}} for r in results])
    return {k: v for k, v in settings.items() if any(x != v[0] for x in v)}, metrics


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    if isinstance(value, Mapping) and value:
        return {k: v for key, inner in value.items() for k, v in flatten(inner, f"{prefix}{key}.").items()}
    return {prefix[:-1]: value}


def _aligned(columns: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for column in columns for name in column)
    return {name: [column.get(name) for column in columns] for name in names}
