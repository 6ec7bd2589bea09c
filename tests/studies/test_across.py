"""Reports over several studies: ranks of a published example, missing values, and studies that cannot be compared."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from interlace.cli.study import studies_and_overrides
from interlace.errors import UserError
from interlace.report.comparison import Comparison
from interlace.report.ranking import rank_arms
from interlace.report.results import COST_COLUMNS, PlannedRun, Runs
from interlace.statistics.intervals import mean_interval
from interlace.studies.across.comparison import compare_across
from interlace.studies.across.report import build_across_report

# Demsar 2006, table 6: AUC of four classifiers on fourteen data sets. The ranks of the thirteenth come from digits that
# the table does not print: 0.975 is ahead of 0.9749 here.
DEMSAR = {
    "C4.5": (0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.940, 0.619, 0.972, 0.957),
    "C4.5+m": (0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978),
    "C4.5+cf": (0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.0, 0.965, 0.614, 0.975, 0.946),
    "C4.5+m+cf": (0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.0, 0.962, 0.669, 0.9749, 0.970),
}


def study(name, arms, *, metric="test/accuracy", direction="max", controls=(), factors=None):
    """A comparison of arm -> figures of seeds 0, 1, ... (None: not done), or arm -> setting -> figures."""
    runs, records = [], []
    for arm, given in arms.items():
        for setting, values in (given if isinstance(given, dict) else {"": given}).items():
            for seed, value in enumerate(values):
                chosen = {"task": setting} if setting else {}
                runs.append(PlannedRun(name, arm, chosen, seed, f"{name}/{arm}"))
                figures = {
                    "metrics": {} if value is None else {metric: value},
                    "costs": dict.fromkeys(COST_COLUMNS, 1.0),
                }
                status = "pending" if value is None else "done"
                records.append({"status": status, "error": "", "stale": False, **figures})
    return Comparison(Runs(runs, records), {metric: direction}, None, frozenset(controls), {})


def test_the_worked_example_of_demsar():
    studies = {f"set {i}": study(f"set {i}", {arm: [row[i]] for arm, row in DEMSAR.items()}) for i in range(14)}
    across = compare_across(studies)
    ranking = across.ranking
    assert {arm: round(float(rank), 3) for arm, rank in ranking.ranks.items()} == {
        "C4.5+m+cf": 1.964, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5": 3.143,
    }  # fmt: skip
    assert ranking.critical_difference == pytest.approx(1.25, abs=0.005)
    k, n = 4, 14
    statistic = 12 * n / (k * (k + 1)) * (sum(rank**2 for rank in ranking.ranks) - k * (k + 1) ** 2 / 4)
    assert statistic == pytest.approx(9.28, abs=0.005)
    assert ranking.p_value == pytest.approx(stats.friedmanchisquare(*DEMSAR.values()).pvalue)
    assert ranking.level == ["C4.5+m", "C4.5+cf", "C4.5"]  # 3.143 - 1.964 < 1.25
    assert across.headline.startswith("C4.5+m+cf ranks best over 14 data sets: mean rank 2.0 of 4; not separable from")


def test_lower_is_better_where_a_study_says_so():
    means = pd.DataFrame({"A": [0.9, 0.8, 0.7], "B": [1.0, 2.0, 3.0]}, index=["x", "y", "z"])
    assert rank_arms(means, {"A": "max", "B": "min"}, ()).ranks.to_dict() == {"x": 1.0, "y": 2.0, "z": 3.0}
    across = compare_across(
        {
            "A": study("A", {"x": [0.9], "y": [0.8]}),
            "B": study("B", {"x": [2.0], "y": [1.0]}, metric="test/mae", direction="min"),
        }
    )
    assert across.ranks_in("B") == {"x": 2.0, "y": 1.0}
    assert across.ranking.ranks.to_dict() == {"x": 1.5, "y": 1.5}


def test_intervals_are_those_of_each_study():
    values = [0.9, 0.85, 0.95]
    across = compare_across({"A": study("A", {"x": values}), "B": study("B", {"x": [0.5]})})
    low, high = mean_interval(values, (0.0, 1.0))
    figure = across.estimates["A"]["x"]
    assert (figure.mean, figure.low, figure.high) == pytest.approx((0.9, low, high))
    assert math.isnan(across.estimates["B"]["x"].low)


@pytest.fixture
def holed():
    """Three studies: `late` is no arm of B, `sum` has one run of two in A and none of C; alone is a control of B."""
    return {
        "A": study("A", {"sum": [0.8, None], "early": [0.9, 0.9], "late": [0.7, 0.7], "alone": [0.99, 0.99]}),
        "B": study("B", {"sum": [0.5, 0.5], "early": [0.6, 0.6], "alone": [0.1, 0.1]}, controls=["alone"]),
        "C": study("C", {"sum": {"t0": [None], "t1": [0.5]}, "early": {"t0": [0.4], "t1": [0.4]},
                         "alone": {"t0": [0.1], "t1": [0.1]}}),
    }  # fmt: skip


def test_holes_are_told_and_not_ranked(holed):
    across = compare_across(holed)
    assert [setting.name for setting in across.settings] == ["A", "B", "C · t0", "C · t1"]
    assert across.ranking is None  # early alone has all four: alone is a control
    assert (
        across.headline
        == "No ranking: 1 of 4 strategies have a value in all of 4 data sets, and at least 2 are needed."
    )
    assert across.missing == [
        "sum in A: 1 of 2 runs with a value.", "sum in C · t0: 0 of 1 run with a value.",
        "late is no arm of B.", "late is no arm of C · t0.", "late is no arm of C · t1.",
    ]  # fmt: skip
    assert across.arms == ["early", "sum", "late", "alone"]
    two = compare_across({name: holed[name] for name in ("A", "B")})
    assert two.ranking.ranks.to_dict() == {"early": 1.0, "sum": 2.0}


def test_the_folder(holed, tmp_path):
    questions = {"A": "Which <one>?", "B": "Which?"}
    page = build_across_report(
        folder=tmp_path / "A+B", comparisons={name: holed[name] for name in questions}, questions=questions,
        command="interlace study report A B",
    )  # fmt: skip
    assert page == tmp_path / "A+B" / "index.html"
    html = page.read_text()
    assert "Which &lt;one&gt;?" in html
    assert "late is no arm of B." in html
    assert (page.parent / "figures" / "ranks.svg").read_text().startswith("<?xml")
    table = pd.read_csv(page.parent / "table.csv").set_index(["arm", "study"])
    assert table.loc[("sum", "A"), ["n", "planned", "mean", "rank"]].tolist() == [1, 2, 0.8, 2.0]
    assert np.isnan(table.loc[("late", "B"), "mean"])
    lines = (page.parent / "table.md").read_text().splitlines()
    assert lines[0] == "| strategy | A, test accuracy (%), max | B, test accuracy (%), max | mean rank |"
    assert lines[2:6] == [
        "| early | **90.0** | **60.0** | **1.00** |", "| sum | 80.0 (1 of 2) | 50.0 | 2.00 |", "| late | 70.0 | – |  |",
        "| alone | 99.0 | 10.0 |  |",
    ]  # fmt: skip
    assert r"sum & 80.0 (1 of 2) & 50.0 & 2.00 \\" in (page.parent / "table.tex").read_text()
    summary = json.loads((page.parent / "summary.json").read_text())
    assert summary["mean_ranks"] == {"early": 1.0, "sum": 2.0}
    assert summary["friedman_p"] is None  # two strategies: no test


def test_a_study_without_results_is_named_with_what_to_run(holed):
    with pytest.raises(UserError, match=r"study D: none of .* make them: interlace --plugin=tests study run D"):
        compare_across({**holed, "D": study("D", {"sum": [None, None]})})


def test_studies_that_share_no_arm_are_refused(holed):
    with pytest.raises(UserError, match=r"study D: none of its arms .*\(D has other; the others have sum, early"):
        compare_across({**holed, "D": study("D", {"other": [0.5]})})


def test_studies_stand_among_overrides():
    assert studies_and_overrides(["A", "logger=none", "B", "~loss_weighting"]) == (
        ["A", "B"], ["logger=none", "~loss_weighting"],
    )  # fmt: skip
    with pytest.raises(UserError, match="names no study"):
        studies_and_overrides(["logger=none"])
