"""The generated part of a study's README.md, written from its recorded results."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from interlace.report import formats
from interlace.report.answer import answer
from interlace.report.comparison import Comparison
from interlace.report.markup import markdown_table
from interlace.report.ranking import matrix_rows
from interlace.report.recorded import ITEMS, recorded_comparison
from interlace.report.results import Runs
from interlace.report.tables import results_csv, summary_json, table_md, table_tex
from interlace.tracking.files import write_atomically

START, END = "<!-- written by `interlace study report NAME --recorded` -->", "<!-- end of what is written -->"
BLOCK = re.compile(f"{re.escape(START)}.*?{re.escape(END)}", re.DOTALL)
KEPT = ("items_ci95", "difference_items_ci95")  # cannot be computed from the recorded files: kept as they are


def recorded_texts(folder: Path, comparison: Comparison) -> dict[str, str]:
    """summary.json, table.md and table.tex from the results recorded in `folder`."""
    summary = summary_json(comparison)
    if not (folder / ITEMS).is_file():
        _keep_item_intervals(summary, folder / "summary.json")
    return {
        "summary.json": json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "table.md": table_md(comparison),
        "table.tex": table_tex(comparison),
    }


def _keep_item_intervals(summary: dict[str, Any], path: Path) -> None:
    if not path.is_file():
        return
    for cell, metrics in json.loads(path.read_text(encoding="utf-8")).items():
        for metric, entry in metrics.items():
            for name in KEPT:
                if name in entry and metric in summary.get(cell, {}):
                    summary[cell][metric][name] = entry[name]


def block(comparison: Comparison) -> str:
    """The generated part: the answer in words and its values, between the two markers."""
    return "\n\n".join([START, f"> {_escaped(answer(comparison).text)}", _values(comparison).strip(), END])


def with_block(readme: str, text: str) -> str:
    """The README with its generated part replaced; a new one goes before "**Again.**", else to the end."""
    if BLOCK.search(readme):
        return BLOCK.sub(lambda _: text, readme)
    before, again, after = readme.partition("\n**Again.**")
    return f"{before.rstrip()}\n\n{text}\n{again}{after}" if again else f"{readme.rstrip()}\n\n{text}\n"


def write_recorded(folder: Path, comparison: Comparison, further: Runs) -> Path:
    """Rewrites the tables in `folder` and the generated part of ../README.md; returns the path of the README.

    Arms of `further` whose runs are all done are added to the record.
    """
    runs = comparison.runs.with_arms(further)
    if len(runs.runs) > len(comparison.runs.runs):
        _write(folder / "results.csv", results_csv(dataclasses.replace(comparison, runs=runs)))
        comparison = recorded_comparison(
            folder, comparison
        )  # read again, so that the texts follow from the record alone
    for name, text in recorded_texts(folder, comparison).items():
        _write(folder / name, text)
    readme = folder.parent / "README.md"
    earlier = readme.read_text(encoding="utf-8") if readme.is_file() else f"# {folder.parent.name}\n"
    _write(readme, with_block(earlier, block(comparison)))
    return readme


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _values(comparison: Comparison) -> str:
    metric, unit = comparison.primary, ", %" if formats.is_share(comparison.primary) else ""
    if comparison.ranking is not None:
        head = [f"{formats.metric_name(metric)}{unit}", *map(str, comparison.ranking.means.columns), "mean rank"]
        rows = [
            [f"{name} (control)" if kind == "control" else name, *(text for text, _ in cells), rank]
            for name, kind, cells, rank in matrix_rows(comparison.ranking, metric)
        ]
        return markdown_table(head, rows, "Means over seeds; mean rank of strategies, 1 is best.")
    head = [
        "strategy",
        f"{formats.metric_name(metric)}{unit}",
        "95% interval",
        "seeds",
        "difference",
        "95%",
        "p (Holm)",
    ]
    rows = []
    for cell, row in comparison.rows().items():
        kind = " (control)" if comparison.is_control(cell) else ""
        rows.append(
            [
                f"{cell}{kind}",
                formats.metric_value(metric, row["mean"], unit=False),
                formats.interval(metric, row["ci_low"], row["ci_high"]),
                str(int(row["n"])),
                formats.signed(metric, row["difference"]),
                formats.interval(metric, row["difference_low"], row["difference_high"], sign=True),
                formats.p_value(row["p_adjusted"]),
            ]
        )
    against = f"Differences are from {comparison.baseline}, paired by seed." if comparison.baseline else ""
    return markdown_table(head, rows, against)


def _escaped(text: str) -> str:
    return re.sub(r"([\\*_`\[\]<>|])", r"\\\1", text)
