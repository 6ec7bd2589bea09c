"""The contents of results.csv, summary.json, table.md and table.tex."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interlace.report.columns import ALL, OF_A_PAPER, study_table
from interlace.report.comparison import Comparison
from interlace.report.markup import latex_table, markdown_table
from interlace.report.results import TEST_SIZE
from interlace.statistics.summary import named_rows

CSV_COLUMNS = ["parameters", "flops", "seconds", "peak_memory_mb", "status", "run_dir"]


def results_csv(comparison: Comparison) -> str:
    """CSV with a row for each run, missing or not: study, arm, factors (JSON), seed, metrics, then `CSV_COLUMNS` and,
    where it is known, `num_test`, the number of test examples.

    The path of a run directory below the working folder is relative to it.
    """
    runs = comparison.runs
    table = runs.table.rename(columns={"num_parameters": "parameters", "flops_per_example": "flops"})
    table["run_dir"] = [_relative(Path(path)) for path in table["run_dir"]]
    table[TEST_SIZE] = runs.test_sizes
    last = [TEST_SIZE] if any(runs.test_sizes) else []
    text: str = table[["study", "arm", "factors", "seed", *runs.metrics, *CSV_COLUMNS, *last]].to_csv(index=False)
    return text


def summary_json(comparison: Comparison) -> dict[str, dict[str, dict[str, Any]]]:
    """arm (or "arm [factor=value,...]") -> metric -> n, mean, sd, ci95, difference, p_value, p_adjusted and more.

    The metrics are those of the study and their groups. Values that cannot be computed are None.
    """
    content: dict[str, dict[str, dict[str, Any]]] = {cell: {} for cell in comparison.rows()}
    for metric in comparison.metrics:
        for name in [metric, *(f"{metric}/{group}" for group in comparison.groups_of(metric))]:
            for cell, row in comparison.rows(name).items():
                content[cell][name] = _summary_entry(row)
    for cell, row in named_rows(comparison.items).items():
        entry = content[cell][comparison.primary]
        entry["items_ci95"] = _pair(row["low"], row["high"])
        entry["difference_items_ci95"] = _pair(row["difference_low"], row["difference_high"])
    return content


def table_md(comparison: Comparison, columns: Sequence[str] = ALL) -> str:
    """The ranked comparison as a Markdown table."""
    table = study_table(comparison, columns)
    return markdown_table(table.head, [*table.strategies, *table.controls], table.caption)


def table_tex(comparison: Comparison, columns: Sequence[str] = OF_A_PAPER) -> str:
    """The ranked comparison as a LaTeX table (package booktabs)."""
    table = study_table(comparison, columns)
    study = next((run.study for run in comparison.runs.runs), "study")
    return latex_table(table.head, [table.strategies, table.controls], table.caption, study)


def _summary_entry(row: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"n": int(row["n"]), "diverged": int(row["diverged"])}
    entry |= {name: _value(row[name]) for name in ("mean", "sd")}
    entry["ci95"] = _pair(row["ci_low"], row["ci_high"])
    entry["difference"] = _value(row["difference"])
    entry["difference_ci95"] = _pair(row["difference_low"], row["difference_high"])
    entry |= {"n_pairs": int(row["n_pairs"]), "over": row["over"] or None}
    names = ("effect_size", "p_value", "p_permutation", "p_adjusted")
    return entry | {name: _value(row[name]) for name in names}


def _value(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _pair(low: Any, high: Any) -> list[float] | None:
    return [float(low), float(high)] if math.isfinite(low) and math.isfinite(high) else None


def _relative(path: Path) -> str:
    here, absolute = Path.cwd(), Path(os.path.abspath(path))
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else str(absolute)
