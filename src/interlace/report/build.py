"""Writes the report folder of a study."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlace.errors import UserError
from interlace.report import svg
from interlace.report.columns import ALL, OF_A_PAPER, check_columns
from interlace.report.comparison import Comparison
from interlace.report.confusion import Confusion, confusion_matrices
from interlace.report.contribution import Analyses, analysis_drawings, read_analyses
from interlace.report.drawing import Drawing
from interlace.report.figures import draw_confusion, drawings
from interlace.report.page import render_page
from interlace.report.recorded import ITEMS, write_items
from interlace.report.results import Runs
from interlace.report.stopwatch import Stopwatch
from interlace.report.tables import results_csv, summary_json, table_md, table_tex
from interlace.report.writing import PageFigure, write_figure, write_figure_files, write_report_folder
from interlace.statistics.contrasts import Items

if TYPE_CHECKING:
    from interlace.judging.summary import Summary


def build_report(
    *,
    folder: Path,
    title: str,
    question: str,
    runs: Runs,
    metrics: Mapping[str, str],
    baseline: str | None,
    data_description: Mapping[str, Any],
    command: str,
    controls: Sequence[str] = (),
    conditions: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    arms: Mapping[str, Sequence[str]] | None = None,
    margin: float | None = None,
    columns: Sequence[str] | None = None,
    recorded: Mapping[str, Mapping[str, Items]] | None = None,
    judged: "Summary | None" = None,
    on_comparison: Callable[[Comparison], object] = lambda comparison: None,
) -> Path:
    """Writes index.html, results.csv, summary.json, table.md, table.tex and figures/*.{svg,png,pdf}; returns the page.

    With scores of single test items also items.parquet, from which the statistics can be computed again; with analyses
    of the runs (`interlace analyze`) also analysis.csv and the sections that show them.

    `metrics` maps a metric to "max" or "min"; the first one ranks. `controls`: arms that are shown grey and not
    ranked. `conditions`: factors whose values are different tasks, over which arms are ranked. `data_description` may
    have "groups" (their order) and "priors" (name -> group -> value). `labels`: texts for names of arms, factors and
    levels, and for `title`. `arms`: overrides by arm. `columns`: those of table.md and table.tex (`report.columns`).
    `recorded`: scores of single items by metric and cell, of runs without directories. Files
    are written to a temporary folder and renamed, the page last, so a report is never half written. `on_comparison` is
    called with the comparison of the report.
    `judged`: judgements by people, shown in a section and written to judged.json.
    Raises UserError when there is no metric or a direction is unknown.
    """
    _check(metrics)
    comparison = Comparison(
        runs,
        dict(metrics),
        baseline,
        frozenset(controls),
        data_description,
        tuple(conditions),
        margin,
        recorded,
        labels=labels or {},
    )
    if columns is not None:
        check_columns(columns, comparison)
    watch = Stopwatch()

    texts = {"title": title, "question": question, "command": command, "labels": labels or {}, "arms": arms or {}}
    fill = partial(_fill, comparison=comparison, columns=columns, watch=watch, texts=texts, judged=judged)
    write_report_folder(folder, fill)
    if watch.words:
        print(f"the report took {watch.words}", file=sys.stderr)
    on_comparison(comparison)
    return folder / "index.html"


def _fill(
    temporary: Path,
    *,
    comparison: Comparison,
    columns: Sequence[str] | None,
    watch: Stopwatch,
    texts: Mapping[str, Any],
    judged: "Summary | None",
) -> dict[str, str]:
    """Writes figures and items.parquet to a folder; returns the texts of the other files by name, the page last."""
    with watch.stage("reading predictions and analyses"):
        confusions, analyses = confusion_matrices(comparison), read_analyses(comparison)
    with watch.stage("drawing figures"):
        figures = _write_figures(comparison, confusions, analyses, judged, temporary / "figures")
    with watch.stage("intervals over test items"):
        _ = comparison.items
        write_items({metric: comparison.scores_of(metric) for metric in comparison.metrics}, temporary / ITEMS)
    with watch.stage("writing the page"):
        page = render_page(
            comparison, figures=figures, confusions=confusions, analyses=analyses, judged=judged, **texts
        )
    return {**_tables(comparison, analyses, columns, judged), "index.html": page}


def _tables(
    comparison: Comparison, analyses: Analyses, columns: Sequence[str] | None, judged: "Summary | None"
) -> dict[str, str]:
    """The texts of the report's tables by file name."""
    summary = json.dumps(summary_json(comparison), indent=2, ensure_ascii=False, allow_nan=False)
    return {
        "results.csv": results_csv(comparison),
        "summary.json": summary + "\n",
        "table.md": table_md(comparison, columns or ALL),
        "table.tex": table_tex(comparison, columns or OF_A_PAPER),
        **({"analysis.csv": analyses.table().to_csv(index=False)} if analyses.cells else {}),
        **({"judged.json": json.dumps(judged.plain(), indent=2, ensure_ascii=False) + "\n"} if judged else {}),
    }


def _check(metrics: Mapping[str, str]) -> None:
    if not metrics:
        raise UserError("report: no metric to rank by; name one in the study, such as metrics: {test/accuracy: max}")
    for name, direction in metrics.items():
        if direction not in ("max", "min"):
            raise UserError(f"report: metric {name} has direction {direction!r}; expected max or min")


def _judged_drawings(judged: "Summary | None") -> list[Drawing]:
    if judged is None:
        return []
    from interlace.report.judged import judged_drawing  # imports scipy.stats, which other reports do not need

    drawing = judged_drawing(judged)
    return [] if drawing is None else [drawing]


def _write_figures(
    comparison: Comparison,
    confusions: Sequence[Confusion],
    analyses: Analyses,
    judged: "Summary | None",
    folder: Path,
) -> list[PageFigure]:
    shown = [*drawings(comparison), *_judged_drawings(judged), *analysis_drawings(analyses)]
    written = [write_figure(drawing, drawing.name, folder) for drawing in shown]
    for matrix in confusions[:1]:  # on the page it is a table
        with svg.style("confusion"):
            write_figure_files(partial(draw_confusion, matrix), "confusion", folder)
    return written
