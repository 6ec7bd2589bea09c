"""Coverage and size of conformal answer sets by pattern of missing modalities: the figure of a run, a study's table."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from interlace.report import formats
from interlace.report.contribution import Analyses
from interlace.report.drawing import MARKERS, Drawing, new_figure
from interlace.report.svg import MUTED, SERIES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVEL = "0.9"  # of a study's table
CAPTION = (
    "Answer sets calibrated on validation data, measured on test data. Line: the level; bar: where the coverage lies "
    "in 95 of 100 draws of both if they are alike; equal scores, as of repeated texts, only make it higher."
)


def coverage_drawing(analysis: Mapping[str, Any]) -> Drawing | None:
    """The figure of a run's coverage; None without that part."""
    content = analysis.get("coverage")
    if not content or not any(line for each in content["patterns"] for line in each["levels"].values()):
        return None
    label = "coverage and size of answer sets by the modalities that are present"
    return Drawing("coverage", label, CAPTION, lambda width: draw_coverage(content, width))


def draw_coverage(content: Mapping[str, Any], width: float) -> "Figure":
    """Draw measured coverage beside the level, and the mean size of the sets; a row for each pattern."""
    patterns = content["patterns"]
    figure = new_figure(width, 0.9 + 0.42 * len(patterns))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    levels = list(patterns[0]["levels"])
    for number, level in enumerate(levels):
        colour, shift = SERIES[number % len(SERIES)], 0.22 * (number - (len(levels) - 1) / 2)
        left.axvline(100 * float(level), color=colour, linewidth=0.8, linestyle=":")
        for row, each in enumerate(patterns):
            line = each["levels"][level]
            if line is None:
                continue
            place = row + shift
            left.plot([100 * line["low"], 100 * line["high"]], [place] * 2, color=colour, alpha=0.35, linewidth=3)
            left.plot([100 * line["coverage"]], [place], MARKERS[number], color=colour, markersize=5,
                      label=f"{100 * float(level):g}%" if row == 0 else None)  # fmt: skip
            right.plot([line["size"]], [place], MARKERS[number], color=colour, markersize=5)
    left.set_yticks(range(len(patterns)), [" + ".join(each["modalities"]) for each in patterns])
    left.set_ylim(len(patterns) - 0.5, -0.5)
    left.set_xlabel("covered (%)", fontsize=8)
    right.set_xlabel("classes in a set" if content["kind"] == "classes" else "width of the interval", fontsize=8)
    right.set_xlim(left=0)
    for axes in (left, right):
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=7, labelcolor=MUTED)
    figure.legend(loc="outside lower center", ncols=len(levels))
    return figure


def coverage_view(analyses: Analyses) -> dict[str, Any] | None:
    """Rows of the table of answer sets at 90%: for each pattern coverage and mean size over seeds."""
    names = dict.fromkeys(name for seeds in analyses.cells.values() for each in seeds.values() for name in _lines(each))
    if not names:
        return None
    rows = []
    for cell, seeds in analyses.cells.items():
        measured = [_lines(each) for each in seeds.values()]
        values = []
        for name in names:
            lines = [each[name] for each in measured if name in each]
            values.append((_mean(lines, "coverage", "accuracy"), _mean(lines, "size", ""), _short(lines)))
        if any(_lines(each) for each in seeds.values()):
            rows.append({"cell": cell, "n": len(seeds), "values": values})
    kinds = {each["coverage"]["kind"] for seeds in analyses.cells.values() for each in seeds.values() if _lines(each)}
    return {"patterns": list(names), "rows": rows, "level": LEVEL, "classes": "classes" in kinds}


def _lines(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was measured at `LEVEL` by pattern, without patterns that are not calibrated."""
    content = analysis.get("coverage") or {"patterns": []}
    found = {" + ".join(each["modalities"]): each["levels"][LEVEL] for each in content["patterns"]}
    return {name: line for name, line in found.items() if line is not None}


def _mean(lines: list[Mapping[str, Any]], key: str, metric: str) -> str:
    value = float(np.mean([line[key] for line in lines])) if lines else math.nan
    return formats.metric_value(metric, value, unit=False) if metric else formats.number(value)


def _short(lines: list[Mapping[str, Any]]) -> int:
    """Return the number of seeds whose coverage is below the interval expected of exchangeable data."""
    return sum(line["coverage"] < line["low"] for line in lines)
