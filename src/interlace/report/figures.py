"""The figures of a report, each a function of a `Comparison` and a width in inches."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from interlace.report import formats
from interlace.report.comparison import Comparison
from interlace.report.confusion import Confusion
from interlace.report.drawing import (
    DASHES,
    MARKERS,
    Drawing,
    axis_label,
    legend_below,
    new_figure,
    shortened,
)
from interlace.report.factor_figures import factor_drawing, matrix_drawings, varied
from interlace.report.setup import is_trained
from interlace.report.svg import MUTED, RULE, SERIES, TEXT
from interlace.statistics.summary import named_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

MAX_CURVES = 10
# Side (1 right, -1 left) and level (1 above) of a name relative to its point, in order of preference.
LABEL_OFFSETS = ((1, 0), (0, 1), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (1, 2), (1, -2))


def drawings(comparison: Comparison) -> list[Drawing]:
    """The figures for the available results, in the order of the page."""
    if not comparison.measured:
        return []
    name = formats.metric_name(comparison.primary)
    if comparison.ranking is not None:
        return matrix_drawings(comparison, comparison.ranking)
    values = (
        f" After the dots in a name: {formats.listing(comparison.runs.factors)}." if comparison.runs.factors else ""
    )
    dotted = "" if drawn_baseline(comparison) is None else " Dotted line: the baseline."
    bars = any(math.isfinite(row["ci_low"]) for row in comparison.rows().values())  # a single seed has no interval
    bar, interval = (" Bar: 95% interval.", " and 95% interval") if bars else ("", "")
    left = len(comparison.measured) - len(comparison.drawn)
    few = f" The best of {len(comparison.measured)}, with baseline and controls; the table has all." if left else ""
    found = [
        Drawing(
            "comparison",
            f"Dot plot of {name} by strategy, best first: {_spoken(comparison)}",
            f"Dot: mean over seeds.{bar} Ticks below: seeds.{dotted}{values}{few}",
            lambda width: draw_comparison(comparison, width),
        )
    ]
    if comparison.groups:
        lines = ", ".join(
            f"{style.replace('dashdot', 'dash-dot')} line: {prior}" for style, prior in _prior_styles(comparison)
        )
        priors = f" {lines[:1].upper()}{lines[1:]}." if lines else ""
        caption = f"Mean{interval} over seeds.{priors}{few}"
        label = f"{name} by strategy, one panel for each of {formats.listing(comparison.groups, 9)}"
        found.append(Drawing("groups", label, caption, lambda width: draw_groups(comparison, width)))
    curve = comparison.curve_metric()
    trained = [cell for cell, run in comparison.first_runs().items() if is_trained(run)] if curve else []
    if curve and trained:
        name_of_curve = formats.metric_name(curve)
        caption = f"Line: mean of the {name_of_curve} over seeds. Band: from the least to the greatest seed."
        label = f"Learning curves: {formats.metric_name(curve)} against the training step, one line a strategy"
        found.append(Drawing("curves", label, caption, lambda width: draw_curves(comparison, curve, trained, width)))
    if _cost_panels(comparison):
        label = f"{name} against parameters and FLOPs, one point a strategy"
        caption = f"Upper left is better: more for less.{bar} Horizontal axes are logarithmic."
        if comparison.direction == "min":
            caption = caption.replace("Upper", "Lower").replace("more", "less error")
        found.append(Drawing("cost", label, caption + few, lambda width: draw_cost(comparison, width)))
    return found + [factor_drawing(comparison, factor) for factor in varied(comparison)]


def draw_comparison(comparison: Comparison, width: float) -> "Figure":
    """Draw the ranked dot plot with intervals, single seeds and the baseline's mean."""
    cells = comparison.drawn
    figure = new_figure(width, 0.62 + 0.29 * len(cells))
    axes = figure.subplots()
    _dots(axes, comparison, cells, comparison.primary, seeds=True)
    _keep_to_shares(axes, comparison.primary)
    _name_rows(axes, comparison, cells, width)
    factor, rows = formats.scale(comparison.primary), comparison.rows()
    for row, cell in enumerate(cells):
        text = formats.metric_value(comparison.primary, rows[cell]["mean"], unit=False)
        weight = "bold" if cell == comparison.best_cell else "normal"
        axes.text(1.015, row, text, transform=axes.get_yaxis_transform(), va="center", weight=weight)
    baseline = drawn_baseline(comparison)
    if baseline is not None:
        axes.axvline(rows[baseline]["mean"] * factor, color=MUTED, linestyle=":", linewidth=1, label="baseline")
    axes.set_xlabel(axis_label(comparison.primary))
    return figure


def drawn_baseline(comparison: Comparison) -> str | None:
    """The cell whose mean is the dotted line of the comparison; None where the baseline is not drawn."""
    baseline = comparison.baseline_cell(str(comparison.best_cell)) if comparison.best_cell else None
    return baseline if baseline in comparison.drawn else None


def draw_groups(comparison: Comparison, width: float) -> "Figure":
    """Draw a panel for each group of test examples, with the priors as vertical lines."""
    groups, cells = comparison.groups, comparison.drawn
    columns = min(len(groups), 5 if width > 5 else 2)
    rows = math.ceil(len(groups) / columns)
    titles = _panel_titles(groups, (width - _names_width(comparison, cells, width * 0.8)) / columns)
    lines = max(title.count("\n") for title in titles.values())
    figure = new_figure(width, rows * (0.55 + 0.15 * lines + 0.22 * len(cells)) + 0.3)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    factor = formats.scale(comparison.primary)
    for axes, group in zip(grid.flat, groups, strict=False):
        metric = f"{comparison.primary}/{group}"
        _dots(axes, comparison, cells, metric)
        axes.set_title(titles[group], loc="left", weight="bold")
        for style, prior in _prior_styles(comparison):
            value = comparison.priors[prior].get(group)
            if value is not None:
                axes.axvline(value * factor, color=MUTED, linestyle=style, linewidth=1)
    _keep_to_shares(grid.flat[0], comparison.primary)  # after all panels, which share the axis
    for axes in list(grid.flat)[len(groups) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        _name_rows(axes, comparison, cells, width * 0.8)
    figure.supxlabel(axis_label(comparison.primary), color=MUTED, fontsize=9)
    return figure


def _panel_titles(groups: Sequence[str], room: float) -> dict[str, str]:
    """The groups' names, wrapped to at most two lines of `room` inches."""
    limit = max(6, int(room * 72 / 6.4))
    return {group: "\n".join(textwrap.wrap(group, limit, max_lines=2, placeholder="…")) or group for group in groups}


def draw_curves(comparison: Comparison, metric: str, cells: Sequence[str], width: float) -> "Figure":
    """Draw learning curves of these cells, with mean and range over seeds; controls are grey."""
    figure = new_figure(width, 3.3 if width > 5 else 3.7)
    axes = figure.subplots()
    drawn = [*comparison.contenders[:MAX_CURVES], *(c for c in comparison.drawn if comparison.is_control(c))]
    factor = formats.scale(metric)
    for cell in (cell for cell in drawn if cell in cells):
        curve = comparison.curve(cell, metric)
        if curve.empty:
            continue
        colour, _, dash = look_of(comparison, cell)
        label = shortened(label_of(comparison, cell), 26)
        marker = MARKERS[0] if len(curve) == 1 else None  # a single point is no line
        axes.plot(curve["step"], curve["mean"] * factor, color=colour, linestyle=dash, marker=marker, label=label)
        axes.fill_between(curve["step"], curve["low"] * factor, curve["high"] * factor,
                          color=colour, alpha=0.13, linewidth=0)  # fmt: skip
    axes.set_xlabel("training step")
    axes.set_ylabel(axis_label(metric))
    axes.yaxis.set_tick_params(labelcolor=MUTED, labelsize=8)
    legend_below(figure, axes, width)
    return figure


def draw_cost(comparison: Comparison, width: float) -> "Figure":
    """Draw the primary metric against parameters and FLOPs of the forward pass, on logarithmic axes."""
    panels = _cost_panels(comparison)
    wide = width > 5
    shape = (1, len(panels)) if wide else (len(panels), 1)
    figure = new_figure(width, 3.9 if wide else 3.4 * len(panels))
    grid = figure.subplots(*shape, sharey=True, squeeze=False)
    for axes, (column, label) in zip(grid.flat, panels, strict=True):
        _cost_panel(axes, comparison, column)
        axes.set_xlabel(label)
        axes.yaxis.set_tick_params(labelcolor=MUTED, labelsize=8, labelleft=True)
    grid.flat[0].set_ylabel(axis_label(comparison.primary))
    figure.draw_without_rendering()  # labels are placed in the final layout
    for axes in grid.flat:
        _spread_labels(axes)
    return figure


def _dots(axes: "Axes", comparison: Comparison, cells: Sequence[str], metric: str, seeds: bool = False) -> None:
    factor, rows = formats.scale(metric), comparison.rows(metric)
    for y, cell in enumerate(cells):
        row = rows[cell]
        colour, marker, _ = look_of(comparison, cell)
        if math.isfinite(row["ci_low"]):
            axes.plot([row["ci_low"] * factor, row["ci_high"] * factor], [y, y], color=colour,
                      linewidth=2.2, solid_capstyle="round")  # fmt: skip
        if seeds:
            table = comparison.runs.table
            single = table.loc[(table["cell"] == cell) & (table["status"] == "done"), metric] * factor
            axes.plot(single, [y + 0.3] * len(single), "|", markersize=4.5, markeredgecolor=colour, markeredgewidth=0.9)
        # Not clipped, as at 0 and 100% half of it would be cut off; drawn above all bars.
        axes.plot([row["mean"] * factor], [y], marker, color=colour, markersize=6, clip_on=False, zorder=4)
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _keep_to_shares(axes: "Axes", metric: str) -> None:
    """Limit the horizontal axis of a share to little more than 0 to 100%."""
    if formats.is_share(metric):
        factor = formats.scale(metric)
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, -0.02 * factor), min(high, 1.02 * factor))


def _name_rows(axes: "Axes", comparison: Comparison, cells: Sequence[str], width: float) -> None:
    axes.set_yticks(range(len(cells)), _row_names(comparison, cells, width))
    for label, cell in zip(axes.get_yticklabels(), cells, strict=True):
        label.set_color(MUTED if comparison.is_control(cell) else TEXT)
        label.set_fontweight("bold" if cell == comparison.best_cell else "normal")


def _row_names(comparison: Comparison, cells: Sequence[str], width: float) -> list[str]:
    return [shortened(label_of(comparison, cell), 40 if width > 5 else 17) for cell in cells]


def _names_width(comparison: Comparison, cells: Sequence[str], width: float) -> float:
    """The approximate width of the row names in inches."""
    return max(map(len, _row_names(comparison, cells, width)), default=0) * 5.2 / 72


def _cost_panels(comparison: Comparison) -> list[tuple[str, str]]:
    """The cost columns with a positive value for at least two cells."""
    named = [("num_parameters", "parameters"), ("flops_per_example", "FLOPs per example, forward")]
    costs = comparison.costs.loc[comparison.drawn]
    return [(column, label) for column, label in named if (costs[column] > 0).sum() >= 2]


def _cost_panel(axes: "Axes", comparison: Comparison, column: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    factor = formats.scale(comparison.primary)
    rows, costs = comparison.rows(), named_rows(comparison.costs)
    axes.set_xscale("log")
    for cell in comparison.drawn:
        row, cost = rows[cell], costs[cell][column]
        if not cost > 0:
            continue
        colour, marker, _ = look_of(comparison, cell)
        if math.isfinite(row["ci_low"]):
            axes.plot([cost, cost], [row["ci_low"] * factor, row["ci_high"] * factor], color=colour)
        axes.plot([cost], [row["mean"] * factor], marker, color=colour, markersize=6, clip_on=False, zorder=4)
        shade = MUTED if comparison.is_control(cell) else TEXT
        name = shortened(label_of(comparison, cell), 18)
        axes.annotate(name, (cost, row["mean"] * factor), xytext=(7, 0), textcoords="offset points",
                      va="center", fontsize=8, color=shade)  # fmt: skip
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.15, high * (high / low) ** 0.3)  # room for the names at the right
    if high / low < 30:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: formats.count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _spread_labels(axes: "Axes") -> None:
    """Place each name next to its point where it overlaps least with points, error bars and other names."""
    from matplotlib.text import Annotation

    to_points = 72.0 / axes.figure.dpi
    notes = [note for note in axes.texts if isinstance(note, Annotation)]
    points = [tuple(axes.transData.transform(note.xy) * to_points) for note in notes]
    taken = [(x - 4.0, y - 4.0, x + 4.0, y + 4.0) for x, y in points]
    taken += [_bar_box(axes, line, to_points) for line in axes.lines if len(np.asarray(line.get_xydata())) == 2]
    for note, (x, y) in zip(notes, points, strict=True):
        size = 4.9 * len(note.get_text())  # width of the text in points, about
        boxes = {offset: _label_box(x, y, size, *offset) for offset in LABEL_OFFSETS}
        best = min(LABEL_OFFSETS, key=lambda offset: sum(_overlap(boxes[offset], other) for other in taken))
        note.set_position((best[0] * 7.0, best[1] * 9.0))
        note.set_horizontalalignment("left" if best[0] > 0 else "right" if best[0] < 0 else "center")
        taken.append(boxes[best])


def _bar_box(axes: "Axes", bar: "Line2D", to_points: float) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of an error bar in points."""
    (x, low), (_, high) = axes.transData.transform(bar.get_xydata()) * to_points
    return x - 2.0, min(low, high), x + 2.0, max(low, high)


def _label_box(x: float, y: float, size: float, side: int, level: int) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a name at an offset from the point (x, y), in points."""
    left = x + side * 7.0 - size * (1 - side) / 2
    return left, y + level * 9.0 - 5.0, left + size, y + level * 9.0 + 5.0


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """The area of the intersection of two boxes."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def look_of(comparison: Comparison, cell: str) -> tuple[str, str, str]:
    """Colour, marker and dash of a cell, the same in every figure; controls are grey."""
    if comparison.is_control(cell):
        index = [c for c in comparison.measured if comparison.is_control(c)].index(cell)
        return MUTED, MARKERS[index % len(MARKERS)], DASHES[1 + index % 3]
    arm = {name: str(row["arm"]) for name, row in comparison.rows().items()}
    index = list(dict.fromkeys(arm[name] for name in comparison.contenders)).index(arm[cell])
    inner = [name for name in comparison.contenders if arm[name] == arm[cell]].index(cell)
    return SERIES[index % len(SERIES)], MARKERS[(index + inner) % len(MARKERS)], DASHES[(index // 8 + inner) % 4]


def label_of(comparison: Comparison, cell: str) -> str:
    """A short name of a cell for figures: the arm and the values of factors, "attention · 64"."""
    run = comparison.runs.first_planned[cell]
    return " · ".join([run.arm, *(str(value) for value in run.factors.values())])


def _prior_styles(comparison: Comparison) -> list[tuple[str, str]]:
    """Dash style and name of the priors known for any of the groups, at most three."""
    named = [name for name, values in comparison.priors.items() if set(values) & set(comparison.groups)]
    return list(zip(("dashed", "dotted", "dashdot"), named, strict=False))


def _spoken(comparison: Comparison) -> str:
    rows = comparison.rows()
    return ", ".join(
        f"{cell} {formats.metric_value(comparison.primary, rows[cell]['mean'])}" for cell in comparison.drawn
    )


def draw_confusion(matrix: Confusion, width: float) -> "Figure":
    """Draw a confusion matrix as shares of each true class."""
    from matplotlib.colors import LinearSegmentedColormap

    size = len(matrix.classes)
    figure = new_figure(width * 0.8, width * 0.72)
    axes = figure.subplots()
    colours = LinearSegmentedColormap.from_list("shares", ["#ffffff", SERIES[0]])
    axes.pcolormesh(matrix.shares, cmap=colours, vmin=0, vmax=1, edgecolors=RULE, linewidth=0.4)
    for row, column in zip(*np.nonzero(matrix.counts), strict=True):
        share = matrix.shares[row, column]
        if size <= 16 and share >= 0.005:
            axes.text(column + 0.5, row + 0.5, f"{100 * share:.0f}", ha="center", va="center", fontsize=7,
                      color="white" if share > 0.55 else TEXT)  # fmt: skip
    ticks = np.arange(size) + 0.5
    axes.set_yticks(ticks, [shortened(name, 16) for name in matrix.classes])
    axes.set_xticks(ticks, [shortened(name, 16) for name in matrix.classes], rotation=45, ha="right")
    axes.tick_params(length=0, labelsize=8)
    axes.grid(visible=False)
    axes.set_ylim(size, 0)
    axes.set_ylabel("true")
    axes.set_xlabel("answer")
    axes.set_title(f"{shortened(matrix.cell, 40)}: answers in % of each true class", loc="left")
    return figure
