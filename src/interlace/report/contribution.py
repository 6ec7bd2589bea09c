"""Robustness and contribution of modalities by strategy, over seeds, from the analyses of a study's runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from interlace.analysis.numbers import numbers
from interlace.analysis.reading import read_analysis
from interlace.analysis.robustness import effective_robustness
from interlace.report import formats
from interlace.report.analysis_figures import SCORES, is_share, modality_colours, quiet_ticks
from interlace.report.comparison import Comparison
from interlace.report.drawing import MARKERS, Drawing, legend_below, new_figure, shortened
from interlace.report.examples import data_uri
from interlace.report.figures import label_of, look_of
from interlace.report.svg import MUTED, SERIES, TEXT
from interlace.statistics.contrasts import ArmResults, contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Analysis = Mapping[str, Any]
MAX_LINES = 8  # the number of colours; above it a figure has a row for each strategy


@dataclass(frozen=True)
class Analyses:
    """The content of analysis.json of finished runs: cell -> seed -> content, best cell first.

    Cells without an analysis are left out.
    """

    comparison: Comparison
    cells: Mapping[str, Mapping[int, Analysis]]

    @cached_property
    def modalities(self) -> list[str]:
        """The modalities of all analysed runs, first those of the run with the most."""
        ordered = sorted(self._every, key=lambda each: -len(each["modalities"]))
        return list(dict.fromkeys(name for each in ordered for name in each["modalities"]))

    @cached_property
    def subsets(self) -> list[str]:
        """Names of the subsets of modalities that are missing in turn, of the run with the most modalities."""
        found = [each for each in self._every if each.get("missing")]
        largest = max(found, key=lambda each: len(each["modalities"]), default=None)
        return [] if largest is None else [subset_name(line) for line in largest["missing"]["curves"]]

    @property
    def _every(self) -> list[Analysis]:
        return [each for seeds in self.cells.values() for each in seeds.values()]

    @property
    def metric(self) -> str:
        """The metric of the analyses: accuracy, f1_micro or r2."""
        return str(self._every[0]["metric"])

    def _modalities_of(self, cell: str) -> set[str]:
        return {name for each in self.cells[cell].values() for name in each["modalities"]}

    def curve(self, cell: str, subset: str) -> dict[str, Any] | None:
        """Missing rates, with mean, minimum and maximum of the score over seeds; None without such a curve."""
        lines = {
            seed: line
            for seed, each in self.cells[cell].items()
            for line in (each.get("missing") or {}).get("curves", [])
            if subset_name(line) == subset
        }
        if not lines:
            return None
        values = np.array([line["mean"] for line in lines.values()])
        rates = next(iter(self.cells[cell].values()))["missing"]["rates"]
        return {"rates": rates, "mean": values.mean(0), "low": values.min(0), "high": values.max(0)}

    def over_seeds(self, cell: str, name: str) -> list[float]:
        """An entry of `numbers` for each seed that has it, ordered by seed."""
        found = [numbers(each).get(f"analysis/{name}") for _, each in sorted(self.cells[cell].items())]
        return [value for value in found if value is not None]

    @cached_property
    def effective(self) -> dict[str, dict[str, float]]:
        """Subset -> cell -> effective robustness of its mean area.

        Only for strategies with all modalities, as those with fewer would bias the fitted trend.
        """
        found = {}
        complete = [cell for cell in self.cells if self._modalities_of(cell) == set(self.modalities)]
        for subset in self.subsets:
            key = f"missing/{subset.replace(' + ', '+')}"
            cells = [cell for cell in complete if self.over_seeds(cell, key)]
            clean = [float(np.mean(self.over_seeds(cell, "clean"))) for cell in cells]
            area = [float(np.mean(self.over_seeds(cell, key))) for cell in cells]
            values = effective_robustness(clean, area) if is_share(self.metric) else None
            found[subset] = {} if values is None else dict(zip(cells, values, strict=True))
        return found

    def table(self) -> pd.DataFrame:
        """A row for each analysed run: cell, seed, and all its numbers."""
        rows = [
            {"cell": cell, "seed": seed, **numbers(each)}
            for cell, seeds in self.cells.items()
            for seed, each in sorted(seeds.items())
        ]
        return pd.DataFrame(rows)


def read_analyses(comparison: Comparison) -> Analyses:
    """Read the analyses of finished runs; those of runs that were repeated since are ignored."""
    cells: dict[str, dict[int, Analysis]] = {}
    for cell in comparison.measured:
        found = {run.seed: read_analysis(run.directory) for run in comparison.runs.of(cell)}
        known: dict[int, Analysis] = {seed: content for seed, content in found.items() if content is not None}
        if known:
            cells[cell] = known
    metrics = {each["metric"] for seeds in cells.values() for each in seeds.values()}
    return Analyses(comparison, cells if len(metrics) == 1 else {})


def subset_name(line: Mapping[str, Any]) -> str:
    """The name of a subset of modalities: "text + image"."""
    return " + ".join(line["modalities"])


def analysis_drawings(analyses: Analyses) -> list[Drawing]:
    """The figures of the sections on robustness and contribution, for the available analyses."""
    if not analyses.cells:
        return []
    found = []
    if analyses.subsets:
        shown = (
            "Mean over seeds; band: from the least to the greatest seed."
            if len(analyses.cells) <= MAX_LINES
            else "Point: mean over seeds, with nothing missing, half and all; bar: from the first to the last."
        )
        caption = f"{shown} Runs analysed by interlace analyze."
        label = f"{SCORES[analyses.metric][0]} against the missing rate of single modalities and of all"
        found.append(Drawing("robustness", label, caption, lambda w: draw_robustness(analyses, w)))
    if _measures(analyses):
        caption = "Mean over seeds; a point a modality."
        label = "contribution of each modality by strategy"
        found.append(Drawing("contribution", label, caption, lambda w: draw_contributions(analyses, w)))
    return found


def draw_robustness(analyses: Analyses, width: float) -> "Figure":
    """Draw a panel for each missing modality and one for all; a line for each strategy, above MAX_LINES a row."""
    panels = [name for name in analyses.subsets if " + " not in name]
    panels += analyses.subsets[-1:] if len(panels) > 1 else []
    draw = _robustness_lines if len(analyses.cells) <= MAX_LINES else _robustness_rows
    return draw(analyses, panels, width)


def _title(analyses: Analyses, subset: str) -> str:
    return "all missing" if subset == analyses.subsets[-1] and " + " in subset else f"{subset} missing"


def _robustness_rows(analyses: Analyses, panels: Sequence[str], width: float) -> "Figure":
    """Draw the score at missing rates 0, 0.5 and 1, a row for each strategy."""
    cells = list(analyses.cells)
    figure, grid = _rows_of_strategies(analyses, len(panels), width)
    label, scale = SCORES[analyses.metric]
    for axes, subset in zip(grid.flat, panels, strict=False):
        for row, cell in enumerate(cells):
            line = analyses.curve(cell, subset)
            if line is None:
                continue
            at = [int(np.abs(np.array(line["rates"]) - rate).argmin()) for rate in (0.0, 0.5, 1.0)]
            values = scale * line["mean"][at]
            axes.plot([values.min(), values.max()], [row, row], color=MUTED, linewidth=0.8, zorder=1)
            for value, index, colour, marker in zip(values, at, SERIES, MARKERS, strict=False):
                name = f"{100 * line['rates'][index]:.0f}% missing" if axes is grid.flat[0] and row == 0 else None
                axes.plot([value], [row], marker, color=colour, markersize=5, label=name)
        axes.set_title(_title(analyses, subset), loc="left", weight="bold", fontsize=8)
        axes.set_xlabel(label, fontsize=8)
    legend_below(figure, grid.flat[0], width)
    return figure


def _rows_of_strategies(analyses: Analyses, panels: int, width: float) -> "tuple[Figure, Any]":
    """A figure with `panels` panels, each with a row for each strategy, best first, controls grey."""
    cells = list(analyses.cells)
    columns = min(panels, 4) if width > 5 else min(2, panels)
    rows = math.ceil(panels / columns)
    figure = new_figure(width, rows * (0.75 + 0.27 * len(cells)) + 0.3)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in grid.flat:
        axes.set_yticks(range(len(cells)), [shortened(label_of(analyses.comparison, cell), 24) for cell in cells])
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=7)
        axes.locator_params(axis="x", nbins=4)
    for axes in grid[:, 0]:  # other columns share these axes and show no names
        for label, cell in zip(axes.get_yticklabels(), cells, strict=True):
            label.set_color(MUTED if analyses.comparison.is_control(cell) else TEXT)
    for axes in list(grid.flat)[panels:]:
        axes.set_visible(False)
    return figure, grid


def _robustness_lines(analyses: Analyses, panels: Sequence[str], width: float) -> "Figure":
    """Draw the curves, a line for each strategy."""
    columns = min(len(panels), 4 if width > 5 else 2)
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(width, 2.6 * rows + 0.5)
    grid = figure.subplots(rows, columns, sharey=True, sharex=True, squeeze=False)
    label, scale = SCORES[analyses.metric]
    drawn: set[str] = set()
    for axes, subset in zip(grid.flat, panels, strict=False):
        for cell in analyses.cells:
            line = analyses.curve(cell, subset)
            if line is None:
                continue
            colour, _, dash = look_of(analyses.comparison, cell)
            rates = [100 * rate for rate in line["rates"]]
            name = None if cell in drawn else shortened(label_of(analyses.comparison, cell), 26)
            drawn.add(cell)
            axes.plot(rates, scale * line["mean"], color=colour, linestyle=dash, label=name)
            axes.fill_between(rates, scale * line["low"], scale * line["high"], color=colour, alpha=0.1, linewidth=0)
        axes.set_title(_title(analyses, subset), loc="left", weight="bold")
        quiet_ticks(axes)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("missing rate (%)", fontsize=8)
    for row in grid:
        row[0].set_ylabel(label)
    _legend_of_all(figure, list(grid.flat), width)
    return figure


def _legend_of_all(figure: "Figure", panels: Sequence[Any], width: float) -> None:
    """Draw one legend with the lines of all panels, as not every strategy is in every panel."""
    handles = [handle for axes in panels for handle in axes.get_legend_handles_labels()[0]]
    names = [handle.get_label() for handle in handles]
    columns = max(1, min(4, int(width * 72 / (4.9 * max(map(len, names), default=1) + 45))))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, handlelength=2.4)


def _measures(analyses: Analyses) -> list[tuple[str, str, float, str]]:
    """Title, key of `numbers`, scale and unit of the measures in any of the analyses."""
    points, scale = ("points", 100.0) if is_share(analyses.metric) else ("R²", 1.0)
    known = [
        ("Shapley, missing", "shapley/missing", scale, points),
        ("Shapley, permuted", "shapley/permuted", scale, points),
        ("perceptual score", "perceptual", scale, points),
        ("MM-SHAP", "mm_shap", 100.0, "% of tokens' |φ|"),
    ]
    return [
        row
        for row in known
        if any(analyses.over_seeds(cell, f"{row[1]}/{name}") for cell in analyses.cells for name in analyses.modalities)
    ]


def draw_contributions(analyses: Analyses, width: float) -> "Figure":
    """Draw a panel for each measure, with a row for each strategy and a point for each modality."""
    panels = _measures(analyses)
    cells, colours = list(analyses.cells), modality_colours(analyses.modalities)
    figure, grid = _rows_of_strategies(analyses, len(panels), width)
    for axes, (title, key, scale, unit) in zip(grid.flat, panels, strict=False):
        for m, name in enumerate(analyses.modalities):
            means = [np.mean(analyses.over_seeds(cell, f"{key}/{name}") or [np.nan]) * scale for cell in cells]
            axes.plot(means, range(len(cells)), MARKERS[m % len(MARKERS)], color=colours[name], markersize=5,
                      label=name if axes is grid.flat[0] else None)  # fmt: skip
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_title(title, loc="left", weight="bold", fontsize=8)
        axes.set_xlabel(unit, fontsize=8)
    legend_below(figure, grid.flat[0], width)
    return figure


def robustness_view(analyses: Analyses) -> dict[str, Any] | None:
    """Rows of the robustness table: the clean score; for each subset area / clean and effective robustness."""
    if not analyses.subsets:
        return None
    rows = []
    for cell in analyses.cells:
        clean = analyses.over_seeds(cell, "clean")
        values = []
        for subset in analyses.subsets:
            areas = analyses.over_seeds(cell, f"missing/{subset.replace(' + ', '+')}")
            share = np.mean([a / c for a, c in zip(areas, clean, strict=True) if c]) if areas else math.nan
            effective = analyses.effective[subset].get(cell, math.nan)
            values.append((formats.number(float(share)), formats.signed("accuracy", effective)))
        rows.append({"cell": cell, "n": len(clean), "clean": _score(analyses.metric, clean), "values": values})
    return {"subsets": analyses.subsets, "rows": rows}


def contribution_view(analyses: Analyses) -> dict[str, Any] | None:
    """Rows of the contribution table: gain over the best single modality and the ensemble, EMAP gap, cooperation."""
    if not analyses.cells:
        return None
    rows: list[dict[str, Any]] = []
    for cell, seeds in analyses.cells.items():
        gaps = analyses.over_seeds(cell, "emap/gap")
        interaction = analyses.over_seeds(cell, "emap/interaction")
        gain, best = _gain(analyses, cell, "gain")
        rows.append(
            {
                "cell": cell,
                "n": len(seeds),
                "gain": gain,
                "over": best,
                "ensemble": _gain(analyses, cell, "gain_over_ensemble")[0],
                "gap": _difference(analyses.metric, gaps),
                "interaction": f"{100 * np.mean(interaction):.0f}%" if interaction else formats.MISSING,
                "cooperation": _difference(analyses.metric, analyses.over_seeds(cell, "cooperation")),
            }
        )
    shown = any(row[key] != formats.MISSING for row in rows for key in ("gap", "cooperation")) or any(
        row["gain"][0] != formats.MISSING for row in rows
    )
    return {"rows": rows, "examples": _examples(analyses)} if shown or _measures(analyses) else None


def _gain(analyses: Analyses, cell: str, key: str) -> tuple[tuple[str, str], str]:
    """The mean paired gain with its 95% interval over seeds, and the best single modality."""
    found = {
        seed: each["gain"]
        for seed, each in analyses.cells[cell].items()
        if each.get("gain") and each["gain"][key] is not None
    }
    if not found:
        return (formats.MISSING, ""), ""
    mine = {seed: float(gain["score"]) for seed, gain in found.items()}
    theirs = {seed: float(gain["score"] - gain[key]) for seed, gain in found.items()}
    result = contrast(ArmResults(mine), ArmResults(theirs))
    low, high = result.interval()
    best = formats.listing(sorted({gain["best"] for gain in found.values()}))
    name = _formatted(analyses.metric)
    interval = formats.interval(name, low, high, sign=True)
    return (formats.signed(name, result.difference), "" if interval == formats.MISSING else interval), best


def _examples(analyses: Analyses) -> tuple[str, str] | None:
    """The name and the drawn examples of the best analysed strategy's first seed; None without a drawing."""
    for cell, seeds in analyses.cells.items():
        if analyses.comparison.is_control(cell):
            continue
        run = next(run for run in analyses.comparison.runs.of(cell) if run.seed == min(seeds))
        uri = data_uri(run.directory, "analysis/examples.png", "image")
        if uri:
            return f"{cell}, seed {run.seed}", uri
    return None


def _formatted(metric: str) -> str:
    """The name of a metric for `formats`: accuracy and F1 are shares, R² is not."""
    return "accuracy" if is_share(metric) else metric


def _score(metric: str, values: Sequence[float]) -> str:
    return formats.metric_value(_formatted(metric), float(np.mean(values)), unit=False) if values else formats.MISSING


def _difference(metric: str, values: Sequence[float]) -> str:
    return formats.signed(_formatted(metric), float(np.mean(values))) if values else formats.MISSING
