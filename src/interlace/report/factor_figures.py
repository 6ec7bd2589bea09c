"""Figures over the settings of a study: lines against a factor, and strategies by settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from interlace.report import formats
from interlace.report.comparison import Comparison
from interlace.report.drawing import (
    DASHES,
    MARKERS,
    Drawing,
    axis_label,
    legend_below,
    new_figure,
    shortened,
)
from interlace.report.ranking import Ranking, matrix_rows
from interlace.report.svg import MUTED, RULE, SERIES, TEXT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_LINES = 16  # of a figure, for legibility


def matrix_drawings(comparison: Comparison, ranking: Ranking) -> list[Drawing]:
    """Figures over several settings: the matrix, and lines against factors with at most as many lines as colours."""
    caption = "Mean over seeds; darker is higher. Right: mean rank over the settings, 1 is best."
    if len(ranking.references):
        caption += " Above the rule: reference values from the data."
    label = f"{formats.metric_name(comparison.primary)} of each strategy in each setting"
    factors = [factor for factor in varied(comparison) if len(factor_lines(comparison, factor)) <= len(SERIES)]
    return [
        Drawing("matrix", label, caption, lambda width: draw_matrix(comparison, ranking, width)),
        *(factor_drawing(comparison, factor) for factor in factors),
    ]


def draw_matrix(comparison: Comparison, ranking: Ranking, width: float) -> "Figure":
    """Draw a heat map of arms by settings, with references above and controls below."""
    from matplotlib.colors import LinearSegmentedColormap

    rows = matrix_rows(ranking, comparison.primary)
    settings = [str(name) for name in ranking.means]
    figure = new_figure(width, 1.0 + 0.25 * len(rows))
    axes = figure.subplots()
    shades = np.array([[shade for _, shade in cells] for _, _, cells, _ in rows])
    colours = LinearSegmentedColormap.from_list("values", ["#ffffff", SERIES[0]])
    axes.pcolormesh(shades, cmap=colours, vmin=0, vmax=1, edgecolors=RULE, linewidth=0.4)
    for y, (_, _, cells, rank) in enumerate(rows):
        for x, (text, shade) in enumerate(cells):
            axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=8 if width > 5 else 6,
                      color="white" if shade > 0.6 else TEXT)  # fmt: skip
        axes.text(len(settings) + 0.1, y + 0.5, rank, va="center", fontsize=8, color=MUTED)
    axes.text(len(settings) + 0.1, -0.25, "rank", fontsize=8, color=MUTED)
    axes.set_yticks(np.arange(len(rows)) + 0.5, [shortened(row[0], 34 if width > 5 else 16) for row in rows])
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(MUTED if row[1] in ("prior", "control") else TEXT)
        tick.set_fontweight("bold" if row[1] == "best" else "normal")
    for edge in (len(ranking.references), len(rows) - len(ranking.controls)):
        axes.axhline(edge, color=TEXT, linewidth=1.0)
    axes.set_xticks(np.arange(len(settings)) + 0.5, [shortened(name, 22) for name in settings], rotation=30, ha="left")
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=8)
    axes.grid(visible=False)
    axes.set_ylim(len(rows), 0)
    return figure


def draw_factor(comparison: Comparison, factor: str, lines: Mapping[str, pd.DataFrame], width: float) -> "Figure":
    """Draw the metric against the values of a factor, a line for each arm and setting of the other factors."""
    figure = new_figure(width, 3.6)
    axes = figure.subplots()
    values = sorted({value for line in lines.values() for value in line["value"].tolist()}, key=_order)
    numeric = all(isinstance(value, int | float) for value in values)
    scale = formats.scale(comparison.primary)
    for index, (name, line) in enumerate(lines.items()):
        x = line["value"].astype(float) if numeric else line["value"].map(values.index)
        colour = SERIES[index % len(SERIES)]
        # Not clipped, so that markers at 0 and 100% are complete.
        axes.errorbar(x, line["mean"] * scale, yerr=_errors(line, scale), color=colour, capsize=2,
                      marker=MARKERS[index % len(MARKERS)], markersize=4, clip_on=False,
                      linestyle=DASHES[index // 8 % 4], label=shortened(name, 30))  # fmt: skip
    if numeric and min(values) > 0 and max(values) / min(values) > 20:
        axes.set_xscale("log")
    if numeric and len(values) <= 12:
        axes.set_xticks(values, [f"{value:g}" for value in values], minor=False)
        axes.set_xticks([], minor=True)
    elif not numeric:
        axes.set_xticks(range(len(values)), [shortened(str(value), 14) for value in values])
    axes.set_xlabel(factor)
    axes.set_ylabel(axis_label(comparison.primary))
    axes.yaxis.set_tick_params(labelcolor=MUTED, labelsize=8)
    legend_below(figure, axes, width)
    return figure


def factor_lines(comparison: Comparison, factor: str) -> dict[str, pd.DataFrame]:
    """Line name -> table with value of the factor, mean, ci_low and ci_high, sorted by value."""
    lines: dict[str, list[tuple[Any, ...]]] = {}
    rows = comparison.rows()
    for run in comparison.runs.first_planned.values():
        row = rows[run.cell]
        if factor not in run.factors or not row["n"]:
            continue
        others = [f"{k}={v}" for k, v in run.factors.items() if k != factor]
        name = f"{run.arm} [{','.join(others)}]" if others else run.arm
        value = run.factors[factor]
        value = value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        lines.setdefault(name, []).append((value, row["mean"], row["ci_low"], row["ci_high"]))
    columns = ["value", "mean", "ci_low", "ci_high"]
    return {
        name: pd.DataFrame(sorted(points, key=lambda point: _order(point[0])), columns=columns)
        for name, points in lines.items()
    }


def factor_drawing(comparison: Comparison, factor: str) -> Drawing:
    """The figure of a factor."""
    name = "factor-" + "".join(sign if sign.isalnum() else "-" for sign in factor)
    label = f"{formats.metric_name(comparison.primary)} against {factor}, one line a strategy"
    lines = factor_lines(comparison, factor)
    few = f" The best {MAX_LINES} of {len(lines)} lines; the table has all." if len(lines) > MAX_LINES else ""
    shown = _best(lines, comparison.direction)
    caption = f"Mean and 95% interval over seeds.{few}"
    return Drawing(name, label, caption, lambda width: draw_factor(comparison, factor, shown, width), factor)


def _best(lines: dict[str, pd.DataFrame], direction: str) -> dict[str, pd.DataFrame]:
    """The MAX_LINES lines with the best values, in the given order."""
    reached = {name: line["mean"].max() if direction == "max" else -line["mean"].min() for name, line in lines.items()}
    kept = set(sorted(reached, key=reached.__getitem__, reverse=True)[:MAX_LINES])
    return {name: line for name, line in lines.items() if name in kept}


def varied(comparison: Comparison) -> list[str]:
    """Factors with more than one value among the measured cells."""
    values: dict[str, set[str]] = {}
    for run in comparison.runs.done:
        for name, value in run.factors.items():
            values.setdefault(name, set()).add(str(value))
    return [name for name, found in values.items() if len(found) > 1]


def _errors(line: pd.DataFrame, scale: float) -> np.ndarray[Any, Any] | None:
    errors = np.stack([line["mean"] - line["ci_low"], line["ci_high"] - line["mean"]]).astype(float) * scale
    return None if np.isnan(errors).all() else np.nan_to_num(errors)


def _order(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, int | float) else (1, str(value))
