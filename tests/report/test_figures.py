"""Figures read by their artists: nothing is cut off, and what a caption promises is drawn."""

import numpy as np
import pytest
from matplotlib.text import Annotation

from interlace.report import figures
from interlace.report.comparison import Comparison
from interlace.report.factor_figures import draw_factor, factor_lines
from interlace.report.results import load_runs
from tests.report.fabricated_study import CODE, CONTROLS, DATA, SKILL, fabricate

WIDTHS = (7.8, 3.9)


def compared(folder, monkeypatch, arms, skill=None, baseline="concat", seeds=(0, 1, 2), factors=({},)):
    for arm, shares in (skill or {}).items():
        monkeypatch.setitem(SKILL, arm, shares)
    runs = load_runs(fabricate(folder, arms=arms, seeds=seeds, factors=factors, missing_runs=False), CODE)
    return Comparison(runs, {"test/accuracy": "max"}, baseline, frozenset(CONTROLS), DATA, ())


def markers(axes):
    return [line for line in axes.lines if line.get_marker() not in ("None", "", "|") and len(line.get_xdata()) == 1]


@pytest.fixture
def edges(tmp_path, monkeypatch):
    """One arm that is always right, one that never is."""
    skill = {"attention": (9.0,) * 5, "sum": (-9.0,) * 5}
    return compared(tmp_path, monkeypatch, ("attention", "concat", "sum"), skill)


@pytest.mark.parametrize("width", WIDTHS)
def test_markers_at_0_and_100_percent_are_whole(edges, width):
    for draw in (figures.draw_comparison, figures.draw_groups, figures.draw_cost):
        drawn = draw(edges, width)
        drawn.draw_without_rendering()
        shown = [line for axes in drawn.axes if axes.get_visible() for line in markers(axes)]
        values = [float(v) for line in shown for v in (*line.get_xdata(), *line.get_ydata())]
        assert {0.0, 100.0} <= {round(value, 6) for value in values}
        assert not any(line.get_clip_on() for line in shown)


@pytest.mark.parametrize("width", WIDTHS)
def test_panels_that_share_an_axis_show_all_their_points(edges, width):
    """The first panel must not settle the limits of the others."""
    drawn = figures.draw_groups(edges, width)
    for axes in drawn.axes:
        low, high = axes.get_xlim()
        if axes.get_visible():
            assert all(low <= x <= high for line in markers(axes) for x in line.get_xdata())
        assert low >= -2.0
        assert high <= 102.0


def test_lines_over_a_factor_are_unclipped(tmp_path, monkeypatch):
    factors = ({"num_components": 1}, {"num_components": 9})
    comparison = compared(tmp_path, monkeypatch, ("attention", "concat"), factors=factors)
    drawn = draw_factor(comparison, "num_components", factor_lines(comparison, "num_components"), 7.8)
    lines = [line for line in drawn.axes[0].lines if line.get_marker() not in ("None", "", "_")]
    assert lines
    assert not any(line.get_clip_on() for line in lines)


@pytest.mark.parametrize("baseline", ["concat", None])
@pytest.mark.parametrize("leader", ["attention", "concat"])
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_a_caption_promises_what_is_drawn(tmp_path, monkeypatch, baseline, leader, seeds):
    comparison = compared(tmp_path, monkeypatch, ("attention", "concat"), {leader: (9.0,) * 5}, baseline, seeds)
    captions = {drawing.name: drawing.caption for drawing in figures.drawings(comparison)}
    axes = figures.draw_comparison(comparison, 7.8).axes[0]
    dotted = [line for line in axes.lines if line.get_label() == "baseline"]
    assert ("Dotted line: the baseline." in captions["comparison"]) == bool(dotted)
    bars = [line for line in axes.lines if len(line.get_xdata()) == 2 and line not in dotted]
    for name in ("comparison", "groups", "cost"):
        assert ("interval" in captions[name]) == bool(bars)
    panels = figures.draw_groups(comparison, 7.8).axes
    for style, prior in (("--", "majority"), (":", "question only"), ("-.", "ceiling")):
        promised = f": {prior}" in captions["groups"] or f": {prior}".lower() in captions["groups"].lower()
        assert promised == any(line.get_linestyle() == style for axes in panels for line in axes.lines)


def test_names_keep_off_error_bars(tmp_path, monkeypatch):
    """Three arms of one cost in a column: each name has a place beside the long bars, not under them."""
    skill = {"attention": (0.6,) * 5, "concat": (0.75,) * 5, "sum": (0.9,) * 5}
    comparison = compared(tmp_path, monkeypatch, tuple(skill), skill)
    drawn = figures.draw_cost(comparison, 7.8)
    drawn.draw_without_rendering()
    for axes in drawn.axes:
        boxes = [note.get_window_extent() for note in axes.texts if isinstance(note, Annotation)]
        for line in axes.lines:
            if len(line.get_xdata()) == 2:
                ends = axes.transData.transform(line.get_xydata())
                x, low, high = ends[0][0], *np.sort(ends[:, 1])
                assert not any(b.x0 < x < b.x1 and b.y0 < high and low < b.y1 for b in boxes)
