"""results.csv, summary.json, table.md and table.tex."""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from interlace.report import formats
from interlace.report.comparison import Comparison
from interlace.statistics.summary import named_rows

CSV_COLUMNS = ["parameters", "flops", "seconds", "peak_memory_mb", "status", "run_dir"]
HEADERS = [
    "strategy", "mean", "sd", "n", "95% CI", "difference", "95% CI of the difference", "adjusted p",
    "parameters", "FLOPs", "seconds", "memory",
]  # fmt: skip


def results_csv(comparison: Comparison) -> str:
    """One row a run, missing runs included: study, arm, factors (JSON), seed, metrics, then `CSV_COLUMNS`.

    A run directory below the working folder is written relative to it.
    """
    runs = comparison.runs
    table = runs.table.rename(columns={"num_parameters": "parameters", "flops_per_example": "flops"})
    table["run_dir"] = [_relative(Path(path)) for path in table["run_dir"]]
    text: str = table[["study", "arm", "factors", "seed", *runs.metrics, *CSV_COLUMNS]].to_csv(index=False)
    return text


def summary_json(comparison: Comparison) -> dict[str, dict[str, dict[str, Any]]]:
    """arm (or "arm [factor=value,...]") -> metric -> n, mean, sd, ci95, difference, p_value, p_adjusted and more.

    The metrics are the study's and their groups. What cannot be computed is None.
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


def table_md(comparison: Comparison) -> str:
    """The ranked comparison as a Markdown table."""
    return markdown_table(HEADERS, table_rows(comparison), caption(comparison))


def table_tex(comparison: Comparison) -> str:
    """The ranked comparison as a LaTeX table (package booktabs)."""
    return latex_table(HEADERS, table_rows(comparison), caption(comparison))


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], text: str) -> str:
    """A table with names at the left and figures at the right, and a line below it; every text is escaped."""
    lines = ["| " + " | ".join(_markdown(cell) for cell in row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|")
    return "\n".join([*lines, "", _markdown(text), ""])


def latex_table(head: Sequence[str], rows: Sequence[Sequence[str]], text: str) -> str:
    """The same for LaTeX (package booktabs)."""
    body = [" & ".join(_latex(cell) for cell in row) + r" \\" for row in rows]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_latex(text)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            " & ".join(_latex(name) for name in head) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def table_rows(comparison: Comparison) -> list[list[str]]:
    """The text of the ranked comparison, one list a cell, in the order of `HEADERS`."""
    metric, rows, costs = comparison.primary, [], named_rows(comparison.costs)
    for cell, row in comparison.rows().items():
        cost = costs[cell]
        rows.append(
            [
                f"{cell} (diverged on {formats.plural(row['diverged'], 'run')})" if row["diverged"] else cell,
                formats.metric_value(metric, row["mean"], unit=False),
                formats.metric_value(metric, row["sd"], unit=False),
                str(int(row["n"])),
                formats.interval(metric, row["ci_low"], row["ci_high"]),
                formats.signed(metric, row["difference"]),
                formats.interval(metric, row["difference_low"], row["difference_high"], sign=True),
                formats.p_value(row["p_adjusted"]),
                formats.count(cost["num_parameters"]),
                formats.count(cost["flops_per_example"]),
                formats.seconds(cost["seconds"]),
                formats.megabytes(cost["peak_memory_mb"]),
            ]
        )
    return rows


def caption(comparison: Comparison) -> str:
    """What the figures of the table are."""
    unit = " (%)" if formats.is_share(comparison.primary) else ""
    against = f" from {comparison.baseline} on shared seeds" if comparison.baseline else ""
    over = comparison.summary["over"].tolist()
    chance = "seeds and test items" if "seeds and items" in over else "seeds only"
    return (
        f"{formats.metric_name(comparison.primary)}{unit}: mean over n seeds with an interval inside the metric's "
        f"range; mean paired difference{against}, with interval and p over {chance}, p after Holm's correction."
    )


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


def _markdown(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in ("\\", "|", "*", "_", "`", "[", "]"):
        escaped = escaped.replace(sign, f"\\{sign}")
    return " ".join(escaped.split())


_LATEX: dict[str, str] = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    formats.MINUS: "$-$", formats.MISSING: "--",
}  # fmt: skip


def _latex(text: str) -> str:
    escape: Callable[[str], str] = lambda sign: _LATEX.get(sign, sign)  # noqa: E731
    return " ".join("".join(escape(sign) for sign in text).split())
