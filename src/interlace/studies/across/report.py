"""Writes the report folder over several studies."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from interlace.report import formats
from interlace.report.answer import rank_basis
from interlace.report.comparison import Comparison
from interlace.report.markup import TableCell, latex_table, markdown_table
from interlace.report.writing import PageFigure, render_template, write_figure, write_report_folder
from interlace.studies.across.comparison import Across, Estimate, Setting, compare_across
from interlace.studies.across.figures import critical_words, rank_drawing


def build_across_report(
    *, folder: Path, comparisons: Mapping[str, Comparison], questions: Mapping[str, str], command: str
) -> Path:
    """Writes index.html, table.csv, table.md, table.tex, summary.json and figures/ranks.*; returns the page.

    `comparisons` and `questions` by the name of the study. Raises UserError as `compare_across` does.
    """
    across = compare_across(comparisons)

    def fill(temporary: Path) -> dict[str, str]:
        figure = None
        if across.ranking is not None:
            figure = write_figure(rank_drawing(across.ranking), "ranks", temporary / "figures")
        head, strategies, controls = table(across)
        summary = json.dumps(summary_json(across), indent=2, ensure_ascii=False, allow_nan=False)
        return {
            "table.csv": table_csv(across),
            "table.md": markdown_table(head, [*strategies, *controls], caption(across)),
            "table.tex": latex_table(head, [strategies, controls], caption(across), "across"),
            "summary.json": summary + "\n",
            "index.html": _page(across, figure, questions, command),
        }

    write_report_folder(folder, fill)
    return folder / "index.html"


def table(across: Across) -> tuple[list[str], list[list[TableCell]], list[list[TableCell]]]:
    """The head of the table, the rows of strategies and the rows of controls.

    A row is the name, the mean with its interval in each setting, and the mean rank. The best strategy of each setting
    and the best mean rank are bold.
    """
    head = ["strategy", *(column_name(setting) for setting in across.settings), "mean rank"]
    best = {setting.name: across.best_in(setting) for setting in across.settings}
    first = str(across.ranking.ranks.index[0]) if across.ranking is not None else ""
    rows: dict[bool, list[list[TableCell]]] = {True: [], False: []}
    for arm in across.arms:
        cells = [
            TableCell(
                " ".join(filter(None, _parts(setting, across.estimates[setting.name].get(arm)))),
                bold=arm == best[setting.name],
            )
            for setting in across.settings
        ]
        row = [TableCell(arm), *cells, TableCell(_mean_rank(across, arm), bold=arm == first)]
        rows[arm in across.controls].append(row)
    return head, rows[False], rows[True]


def table_csv(across: Across) -> str:
    """CSV with a row for each strategy and setting, missing ones included: mean, interval, rank in it, mean rank."""
    rows = []
    for setting in across.settings:
        ranks = across.ranks_in(setting.name)
        for arm in across.arms:
            found = across.estimates[setting.name].get(arm)
            rows.append(
                {
                    "arm": arm,
                    "control": arm in across.controls,
                    "study": setting.study,
                    "setting": setting.factors,
                    "metric": setting.metric,
                    "direction": setting.direction,
                    "n": found.n if found else 0,
                    "planned": found.planned if found else 0,
                    "mean": found.mean if found else math.nan,
                    "ci_low": found.low if found else math.nan,
                    "ci_high": found.high if found else math.nan,
                    "rank": ranks.get(arm, math.nan),
                    "mean_rank": across.ranking.ranks.get(arm, math.nan) if across.ranking is not None else math.nan,
                }
            )
    text: str = pd.DataFrame(rows).to_csv(index=False)
    return text


def summary_json(across: Across) -> dict[str, Any]:
    """The ranking as JSON: settings, mean_ranks, friedman_p, critical_difference, controls, missing values."""
    ranking = across.ranking
    p = None if ranking is None or not math.isfinite(ranking.p_value) else ranking.p_value
    return {
        "settings": [setting.name for setting in across.settings],
        "mean_ranks": {} if ranking is None else {str(arm): float(rank) for arm, rank in ranking.ranks.items()},
        "friedman_p": p,
        "critical_difference": ranking.critical_difference
        if ranking is not None and math.isfinite(ranking.critical_difference)
        else None,
        "controls": [arm for arm in across.arms if arm in across.controls],
        "missing": across.missing,
    }


def caption(across: Across) -> str:
    """The meaning of the table's values."""
    text = "Mean over seeds with a 95% interval inside the metric's range; n of planned runs where some are missing"
    if across.ranking is None:
        return f"{text}; bold: the best strategy; a dash where a study has no such arm or no value yet."
    return (
        f"{text}; mean rank over {len(across.settings)} data sets of the strategies that all of them have (1 is best; "
        f"{critical_words(across.ranking)}). Bold: the best strategy."
    )


def column_name(setting: Setting) -> str:
    """The head of a setting's column: "fusion-scenes, test accuracy (%), max"."""
    unit = " (%)" if formats.is_share(setting.metric) else ""
    return f"{setting.name}, {formats.metric_name(setting.metric)}{unit}, {setting.direction}"


def _parts(setting: Setting, found: Estimate | None) -> tuple[str, str, str]:
    """Mean, interval, and the number of runs where some are missing."""
    if found is None or not found.n:
        planned = f"(0 of {found.planned})" if found else ""
        return formats.MISSING, "", planned
    interval = formats.interval(setting.metric, found.low, found.high)
    runs = f"({found.n} of {found.planned})" if found.n < found.planned else ""
    return (
        formats.metric_value(setting.metric, found.mean, unit=False),
        "" if interval == formats.MISSING else interval,
        runs,
    )


def _mean_rank(across: Across, arm: str) -> str:
    known = across.ranking is not None and arm in across.ranking.ranks
    return f"{across.ranking.ranks[arm]:.2f}" if known and across.ranking is not None else ""


def _page(across: Across, figure: PageFigure | None, questions: Mapping[str, str], command: str) -> str:
    best = str(across.ranking.ranks.index[0]) if across.ranking is not None else ""
    rows = [
        {
            "arm": arm,
            "kind": "control" if arm in across.controls else "best" if arm == best else "",
            "rank": _mean_rank(across, arm),
            "cells": [_parts(setting, across.estimates[setting.name].get(arm)) for setting in across.settings],
        }
        for arm in across.arms
    ]
    friedman = None
    if across.ranking is not None and math.isfinite(across.ranking.p_value):
        friedman = formats.p_phrase(across.ranking.p_value)
    return render_template(
        Path(__file__).parent,
        [] if figure is None else [figure],
        title=" + ".join(questions),
        headline=across.headline,
        details=rank_basis(across.ranking) if across.ranking is not None else "",
        settings=[(setting.name, _metric(setting)) for setting in across.settings],
        rows=rows,
        friedman=friedman,
        missing=across.missing,
        questions=list(questions.items()),
        command=command,
    )


def _metric(setting: Setting) -> str:
    unit = ", %" if formats.is_share(setting.metric) else ""
    return f"{formats.metric_name(setting.metric)}{unit} {'↑' if setting.direction == 'max' else '↓'}"
