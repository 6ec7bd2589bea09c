"""The figures of one run's analysis, each a function of the content of analysis.json and a width in inches."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interlace.report.drawing import DASHES, MARKERS, Drawing, new_figure
from interlace.report.svg import MUTED, SERIES, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Analysis = Mapping[str, Any]
INFORMATION = ("redundant", "unique_1", "unique_2", "synergy")
SCORES = {
    "accuracy": ("accuracy (%)", 100.0),
    "f1_micro": ("micro F1 (%)", 100.0),
    "r2": ("R² of the prediction", 1.0),
}


def is_share(metric: str) -> bool:
    """True for a score in [0, 1] that is shown in percent; False for R²."""
    return SCORES[metric][1] == 100.0


def run_drawings(analysis: Analysis) -> list[Drawing]:
    """The figures for the parts of an analysis; those of examples, which need the data, are in `example_maps`."""
    label, _ = SCORES[analysis["metric"]]
    found = []
    if analysis.get("missing"):
        caption = "Mean over draws of which examples miss a modality; band: one standard deviation. Thin line: chance."
        found.append(
            Drawing("missing", f"{label} against the missing rate", caption, lambda w: draw_missing(analysis, w))
        )
    if analysis.get("noise"):
        caption = "Mean over draws of the noise; band: one standard deviation. Thin line: chance."
        found.append(Drawing("noise", f"{label} against noise", caption, lambda w: draw_noise(analysis, w)))
    if contributions(analysis):
        caption = "The worth of each modality, by several measures."
        found.append(
            Drawing("contribution", "contribution of each modality", caption, lambda w: draw_contribution(analysis, w))
        )
    if analysis.get("information"):
        caption = "Bits about the labels, about the model's answers, and (below) about shuffled labels: the bias."
        found.append(
            Drawing(
                "information", "partial information of pairs of modalities", caption,
                lambda w: draw_information(analysis, w),
            )
        )  # fmt: skip
    return found


def modality_colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each modality, the same in every figure."""
    return {name: SERIES[index % len(SERIES)] for index, name in enumerate(names)}


def draw_missing(analysis: Analysis, width: float) -> "Figure":
    """Draw a line for each subset of the modalities: single ones solid, all black, others dashed grey."""
    figure = new_figure(width, 3.4)
    axes = figure.subplots()
    label, scale = SCORES[analysis["metric"]]
    rates = [100 * rate for rate in analysis["missing"]["rates"]]
    names, colours = analysis["modalities"], modality_colours(analysis["modalities"])
    others = 0
    for line in analysis["missing"]["curves"]:
        subset = line["modalities"]
        if len(subset) == 1:
            style: dict[str, Any] = {
                "color": colours[subset[0]],
                "linestyle": "-",
                "marker": MARKERS[names.index(subset[0]) % 8],
            }
        elif len(subset) == len(names):
            style = {"color": TEXT, "linestyle": "-", "linewidth": 2.2}
        else:
            style = {"color": MUTED, "linestyle": DASHES[1 + others % 3]}
            others += 1
        band(axes, rates, line, scale, {"markersize": 3.5, **style}, " + ".join(subset))
    axes.axhline(analysis["chance"] * scale, color=MUTED, linewidth=0.8)
    axes.set_xlabel("missing rate (%)")
    axes.set_ylabel(label)
    quiet_ticks(axes)
    figure.legend(loc="outside lower center", ncols=4 if width > 5 else 2, handlelength=2.6)
    return figure


def draw_noise(analysis: Analysis, width: float) -> "Figure":
    """Draw a panel for each noise of each modality; levels are evenly spaced, from none at the left."""
    lines = analysis["noise"]
    columns = min(len(lines), 4 if width > 5 else 2)
    rows = math.ceil(len(lines) / columns)
    figure = new_figure(width, 2.5 * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    label, scale = SCORES[analysis["metric"]]
    colours = modality_colours(analysis["modalities"])
    for axes, line in zip(grid.flat, lines, strict=False):
        places = list(range(len(line["levels"])))
        band(axes, places, line, scale, {"color": colours[line["modality"]], "marker": "o", "markersize": 3}, "")
        axes.axhline(analysis["chance"] * scale, color=MUTED, linewidth=0.8)
        axes.set_title(f"{line['modality']}: {line['noise']}", loc="left", weight="bold", fontsize=8)
        axes.set_xlabel(line["unit"], fontsize=8)
        step = 1 if len(places) <= 8 and width > 5 else 2
        axes.set_xticks(places[::step], [level_text(level) for level in line["levels"][::step]])
        axes.tick_params(axis="x", labelsize=7)
        quiet_ticks(axes)
    for axes in list(grid.flat)[len(lines) :]:
        axes.set_visible(False)
    for row in grid:
        row[0].set_ylabel(label)
    return figure


def contributions(analysis: Analysis) -> list[tuple[str, dict[str, float], dict[str, float], str]]:
    """(measure, value by modality, standard deviation by modality, unit) of the measures in the analysis."""
    unit = "points" if is_share(analysis["metric"]) else "R²"
    scale = 100.0 if unit == "points" else 1.0
    found = []
    for shares in analysis.get("shapley") or []:
        kind = shares["replacement"].partition(":")[0]
        values = {name: scale * value for name, value in shares["phi"].items()}
        errors = {name: scale * (value or 0.0) for name, value in shares["error"].items()}
        found.append((f"Shapley, {kind}", values, errors, unit))
    if analysis.get("perceptual"):
        rows = analysis["perceptual"]["modalities"]
        values = {name: scale * row["loss"] for name, row in rows.items()}
        found.append(("perceptual score", values, {name: scale * row["sd"] for name, row in rows.items()}, unit))
    tokens = analysis.get("tokens")
    if tokens and None not in tokens["share"].values():
        values = {name: 100 * value for name, value in tokens["share"].items()}
        found.append(("MM-SHAP", values, dict.fromkeys(values, 0.0), "% of tokens' |φ|"))
    attention = analysis.get("attention")
    if attention and attention["share"]:
        values = {name: 100 * value for name, value in attention["share"].items()}
        found.append(("attention", values, dict.fromkeys(values, 0.0), "% of attention"))
    return found


def draw_contribution(analysis: Analysis, width: float) -> "Figure":
    """Draw a panel for each measure, with a bar for each modality."""
    panels = contributions(analysis)
    names, colours = analysis["modalities"], modality_colours(analysis["modalities"])
    columns = len(panels) if width > 5 else 1
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(width, rows * (0.75 + 0.3 * len(names)))
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes, (measure, values, errors, unit) in zip(grid.flat, panels, strict=True):
        places = range(len(names))
        axes.barh(places, [values[n] for n in names], color=[colours[n] for n in names], height=0.62,
                  xerr=[errors[n] for n in names] if any(errors.values()) else None,
                  error_kw={"ecolor": TEXT, "elinewidth": 1})  # fmt: skip
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_title(measure, loc="left", weight="bold", fontsize=8)
        axes.set_xlabel(unit, fontsize=8)
        axes.set_yticks(places, names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=7)
        axes.locator_params(axis="x", nbins=4)
    return figure


def draw_information(analysis: Analysis, width: float) -> "Figure":
    """Draw stacked bars of bits about labels, answers and shuffled labels, for each pair of modalities."""
    pairs = analysis["information"]["pairs"]
    rows: list[tuple[str, Mapping[str, float], float]] = []
    places, place = [], 0.0
    for pair in pairs:
        title = " + ".join(pair["modalities"])
        for name, bits, alpha in (
            (f"{title}: labels", pair["data"], 1.0),
            ("answers", pair["model"], 1.0),
            ("shuffled", pair["data"]["shuffled"], 0.4),
        ):
            rows.append((name, bits, alpha))
            places.append(place)
            place += 1.0
        place += 0.5
    figure = new_figure(width, 0.9 + 0.24 * place)
    axes = figure.subplots()
    shown = ("redundant", "unique to the first", "unique to the second", "synergy")
    for y, (_, bits, alpha) in zip(places, rows, strict=True):
        left = 0.0
        for index, part in enumerate(INFORMATION):
            length = max(0.0, bits[part])
            axes.barh([y], [length], left=[left], color=SERIES[(3, 0, 1, 2)[index]], alpha=alpha, height=0.78,
                      label=shown[index] if y == 0.0 else None)  # fmt: skip
            left += length
    axes.set_yticks(places, [name for name, _, _ in rows])
    for tick, (_, _, alpha) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(TEXT if alpha == 1.0 else MUTED)
    axes.set_ylim(place - 0.9, -0.6)
    axes.set_xlabel("bits")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=4 if width > 5 else 2, handlelength=1.2)
    return figure


def band(
    axes: "Axes", x: Sequence[float], line: Mapping[str, Any], scale: float, style: Mapping[str, Any], label: str
) -> None:
    """Draw a mean with a band of one standard deviation to each side."""
    mean = [scale * value for value in line["mean"]]
    sd = [scale * value for value in line["sd"]]
    axes.plot(x, mean, label=label or None, **style)
    low, high = ([m + sign * s for m, s in zip(mean, sd, strict=True)] for sign in (-1, 1))
    axes.fill_between(x, low, high, color=style["color"], alpha=0.13, linewidth=0)


def level_text(level: float | None) -> str:
    """The text of a level on an axis; None is no noise."""
    return "none" if level is None else f"{level:g}"


def quiet_ticks(axes: "Axes") -> None:
    """Set small grey numbers at the vertical axis, as in other figures."""
    axes.yaxis.set_tick_params(labelcolor=MUTED, labelsize=8)
