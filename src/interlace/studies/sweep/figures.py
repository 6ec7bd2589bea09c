"""The figures of a sweep, each a function of the results, an arm and a width in inches."""

from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from interlace.report import formats
from interlace.report.drawing import Drawing, axis_label, new_figure, shortened
from interlace.report.svg import MUTED, RULE, SERIES, TEXT
from interlace.studies.search import Range
from interlace.studies.sweep.results import SweepResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_LINES = 400  # of parallel coordinates; only the best trials are drawn


def drawings(results: SweepResults, arm: str) -> list[Drawing]:
    """The figures for the finished trials of an arm, in the order of the page; none below two trials."""
    done = results.losses(arm)
    if len(done) < 2:
        return []
    objective = formats.metric_name(results.objectives[0])
    found = []
    if len(results.objectives) > 1:
        both = [formats.metric_name(name) for name in results.objectives[:2]]
        found.append(
            Drawing(
                "pareto",
                f"Trials of {arm} by {both[0]} and {both[1]}; {len(results.best(arm))} on the Pareto front",
                "Filled: on the Pareto front, where no other trial is better in one objective and as good in the rest.",
                lambda width: draw_pareto(results, arm, width),
            )
        )
    found.append(
        Drawing(
            "history",
            f"{objective} of each trial of {arm}, in order, and the best so far",
            "Dot: a trial. Line: the best so far. Cross: last value of a trial that was stopped early.",
            lambda width: draw_history(results, arm, width),
        )
    )
    if len(results.importances(arm)):
        found.append(
            Drawing(
                "importance",
                f"Importance of each option for {objective}",
                "PED-ANOVA: how much an option separates the better trials from the others. "
                "fANOVA: the share of the variance over the whole space that it explains. "
                "Both are uncertain with few trials.",
                lambda width: draw_importance(results, arm, width),
            )
        )
    if len(results.search.space) > 1:
        found.append(
            Drawing(
                "coordinates",
                f"Options of each finished trial of {arm} and its {objective}, one line a trial",
                "Line: a trial, stronger for better ones; the best is thick.",
                lambda width: draw_coordinates(results, arm, width),
            )
        )
    return found


def draw_history(results: SweepResults, arm: str, width: float) -> "Figure":
    """Draw the first objective by trial number."""
    name = results.objectives[0]
    scale = formats.scale(name)
    figure = new_figure(width, 3.0)
    axes = figure.subplots()
    done = [(trial.number, loss) for trial, loss in results.losses(arm)]
    numbers, losses = map(np.asarray, zip(*done, strict=True))
    sign = -1.0 if results.search.objectives[name] == "max" else 1.0
    axes.plot(numbers, sign * losses * scale, "o", color=SERIES[0], markersize=4, alpha=0.7)
    axes.step(numbers, sign * np.minimum.accumulate(losses) * scale, where="post", color=SERIES[1])
    pruned = [(t.number, v) for t in results.trials[arm] if (v := _last(t)) is not None]
    if pruned:
        numbers, values = map(np.asarray, zip(*pruned, strict=True))
        axes.plot(numbers, values * scale, "x", color=MUTED, markersize=4)
    axes.set_xlabel("trial")
    axes.set_ylabel(axis_label(name))
    return figure


def _last(trial: FrozenTrial) -> float | None:
    """The last report of a trial that was stopped early."""
    values = trial.intermediate_values
    return values[max(values)] if trial.state == TrialState.PRUNED and values else None


def draw_importance(results: SweepResults, arm: str, width: float) -> "Figure":
    """Draw two bars for each option."""
    table = results.importances(arm)
    figure = new_figure(width, 0.9 + 0.42 * len(table))
    axes = figure.subplots()
    rows = np.arange(len(table))
    for offset, (column, label, colour) in enumerate(
        (("pedanova", "PED-ANOVA", SERIES[0]), ("fanova", "fANOVA", SERIES[3]))
    ):
        axes.barh(rows + 0.36 * offset - 0.18, table[column] * 100, height=0.34, color=colour, label=label)
    axes.set_yticks(rows, [shortened(option, 34 if width > 5 else 18) for option in table["option"]])
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_xlabel("importance (%)")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def draw_pareto(results: SweepResults, arm: str, width: float) -> "Figure":
    """Draw the first two objectives of each finished trial."""
    figure = new_figure(width, 3.4)
    axes = figure.subplots()
    names = results.objectives[:2]
    scales = np.array([formats.scale(name) for name in names])
    front = {trial.number for trial in results.best(arm)}
    done = [trial for trial, _ in results.losses(arm)]
    values = np.array([trial.values[:2] for trial in done]) * scales
    on_front = np.array([trial.number in front for trial in done])
    axes.plot(*values[~on_front].T, "o", color=MUTED, markersize=4, fillstyle="none")
    best = values[on_front][np.argsort(values[on_front][:, 0], kind="stable")]
    axes.plot(*best.T, "o-", color=SERIES[0], markersize=5, linewidth=1.0)
    for name, axis in zip(names, (axes.xaxis, axes.yaxis), strict=True):
        axis.set_label_text(axis_label(name) if name.startswith("val/") else name.replace("_", " "))
    return figure


def draw_coordinates(results: SweepResults, arm: str, width: float) -> "Figure":
    """Draw parallel coordinates: an axis for each option and one for the first objective, from minimum to maximum."""
    name = results.objectives[0]
    done = sorted(results.losses(arm), key=lambda pair: pair[1])[:MAX_LINES]
    columns = [
        _Column(key, [results.options(t)[key] for t, _ in done], results.search.space[key])
        for key in results.search.space
    ]
    scaled = [trial.values[0] * formats.scale(name) for trial, _ in done]
    columns.append(_Column(axis_label(name), scaled, None))
    figure = new_figure(width, 3.4 if width > 5 else 3.8)
    axes = figure.subplots()
    heights = np.stack([column.heights for column in columns], axis=1)
    places = np.arange(len(columns))
    for rank in reversed(range(len(done))):
        share = 1.0 - rank / max(1, len(done) - 1)
        axes.plot(places, heights[rank], color=SERIES[1] if rank == 0 else SERIES[0], alpha=0.12 + 0.6 * share**2,
                  linewidth=2.4 if rank == 0 else 1.0, zorder=3 if rank == 0 else 2)  # fmt: skip
    for place, column in enumerate(columns):
        _draw_axis(axes, place, column, narrow=width < 5)
    axes.set_xticks(places, [shortened(c.name, 26 if width > 5 else 14) for c in columns], rotation=20, ha="right")
    axes.set_yticks([])
    axes.set_ylim(-0.06, 1.06)
    axes.set_xlim(-0.25, len(columns) - 0.6)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    return figure


class _Column:
    """An axis of parallel coordinates: the height of each value between 0 and 1, and the tick marks."""

    def __init__(self, name: str, values: list[Any], space: Any) -> None:
        self.name = name
        if space is not None and not isinstance(space, Range):
            known = [str(value) for value in space]
            steps = max(1, len(known) - 1)
            self.heights = np.array([known.index(str(value)) / steps for value in values])
            self.marks = [(i / steps, text) for i, text in enumerate(known)]
            return
        numbers = np.array(values, dtype=float)
        low, high = (space.low, space.high) if space is not None else (numbers.min(), numbers.max())
        if space is not None and space.log:
            numbers, low, high = np.log(numbers), np.log(low), np.log(high)
        self.heights = (numbers - low) / (high - low) if high > low else np.full(len(numbers), 0.5)
        middle = (low + high) / 2
        ends = [np.exp(v) if space is not None and space.log else v for v in (low, middle, high)]
        self.marks = [(place, f"{value:.3g}") for place, value in zip((0.0, 0.5, 1.0), ends, strict=True)]


def _draw_axis(axes: "Axes", place: int, column: _Column, *, narrow: bool) -> None:
    axes.axvline(place, color=RULE, linewidth=1.0, zorder=1)
    for height, text in column.marks:
        axes.annotate(shortened(text, 8 if narrow else 14), (place, height), (3, 0), textcoords="offset points",
                      fontsize=6 if narrow else 7, color=TEXT, va="center", ha="left", zorder=4)  # fmt: skip
