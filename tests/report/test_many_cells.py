"""Of a study with more cells than a figure can show, figures have the best, the baseline and each control."""

from interlace.report.comparison import MAX_ROWS, Comparison
from interlace.report.factor_figures import MAX_LINES
from interlace.report.figures import drawings
from interlace.report.results import load_runs
from tests.report.large_study import fabricate_many


def compared(folder, num_arms, num_values):
    """The worst arms are baseline and control."""
    runs = load_runs(fabricate_many(folder, num_arms, num_values, num_seeds=1), "c0de")
    return Comparison(runs, {"test/accuracy": "max"}, "arm_0", frozenset({"arm_1"}), {}, ())


def test_the_best_the_baseline_and_the_controls(tmp_path):
    comparison = compared(tmp_path, 20, 3)
    measured, drawn = comparison.measured, comparison.drawn
    assert len(measured) == 60
    assert [cell for cell in measured if cell in drawn] == drawn
    assert drawn[:MAX_ROWS] == measured[:MAX_ROWS]
    best = {arm: next(cell for cell in measured if cell.startswith(f"{arm} ")) for arm in ("arm_0", "arm_1")}
    assert set(drawn[MAX_ROWS:]) == {*best.values(), comparison.baseline_cell(comparison.best_cell)}

    figures = {drawing.name: drawing for drawing in drawings(comparison)}
    for name in ("comparison", "groups", "cost"):
        assert figures[name].caption.endswith("The best of 60, with baseline and controls; the table has all.")
    assert f"The best {MAX_LINES} of 20 lines" in figures["factor-task"].caption
    lines = figures["factor-task"].draw(7.8).axes[0].get_legend_handles_labels()[1]
    arms = list(dict.fromkeys(cell.split(" [")[0] for cell in measured))  # by what each reaches
    assert sorted(lines) == sorted(arms[:MAX_LINES])


def test_a_small_study_is_drawn_whole(tmp_path):
    comparison = compared(tmp_path, 3, 1)
    assert comparison.drawn == comparison.measured
    assert not [drawing.name for drawing in drawings(comparison) if "The best" in drawing.caption]
