"""The answer in words agrees with the figures it stands on."""

import pandas as pd
import pytest

from interlace.studies.report.answer import answer
from interlace.studies.report.comparison import Comparison
from interlace.studies.report.priors import described_priors, read_priors
from interlace.studies.results import PlannedRun, Runs


def compared(controls=(), baseline="base", direction="max", **arms):
    """A comparison of arms -> figures of seeds 0, 1, ...; None is a run that failed."""
    runs, records = [], []
    for arm, values in arms.items():
        for seed, value in enumerate(values):
            metrics = {} if value is None else {"test/accuracy": value}
            status = "failed" if value is None else "done"
            runs.append(PlannedRun("s", arm, {}, seed, "absent"))
            records.append({"status": status, "error": "", "stale": False, "metrics": metrics, "costs": {}})
    return Comparison(Runs(runs, records), {"test/accuracy": direction}, baseline, frozenset(controls), {})


def test_a_clear_winner():
    said = answer(compared(best=[0.98, 0.985, 0.99], base=[0.76, 0.77, 0.78], c=[0.5, 0.52, 0.51]))
    assert said.headline == "best wins: 98.5% test accuracy [97.3, 99.7], 21.5 points above base."
    # differences 0.22, 0.215, 0.21: sd 0.005, half width 4.3027 * 0.005 / sqrt(3) = 1.24 points
    assert (
        "21.5 points above the baseline base [+20.3, +22.7], p < 0.001 after Holm over 2 comparisons; 3 seeds."
        in said.text
    )


def test_a_leader_that_is_not_separable():
    said = answer(compared(a=[0.90, 0.95, 0.92], b=[0.93, 0.90, 0.91], base=[0.5, 0.52, 0.51]))
    assert said.headline.startswith("a leads with 92.3% test accuracy")
    assert said.headline.endswith("and is not separable from b.")
    assert "+1.0 points" in said.text
    assert "wins" not in said.text


def test_too_few_seeds():
    said = answer(compared(a=[0.9, 0.95], base=[0.5, 0.52]))
    assert "on 2 seeds: too few to tell a difference from luck" in said.headline


def test_a_baseline_that_leads():
    said = answer(compared(base=[0.9, 0.91, 0.92], a=[0.5, 0.52, 0.51]))
    assert said.headline.startswith("base wins")
    assert "It is the baseline" in said.text


def test_lower_can_be_better():
    said = answer(compared(direction="min", a=[0.1, 0.11, 0.13], base=[0.5, 0.52, 0.51]))
    assert said.headline.startswith("a wins: 11.3%")
    assert "below base" in said.headline


def test_a_control_above_the_leader_is_said():
    said = answer(compared(["blind"], blind=[0.95, 0.96, 0.97], a=[0.9, 0.91, 0.92], base=[0.5, 0.52, 0.51]))
    assert said.headline.startswith("a wins")
    assert "But a control does better still: blind reaches 96.0%." in said.text


def test_holes_are_counted():
    said = answer(compared(a=[0.9, 0.91, 0.92, None], base=[0.5, 0.52, 0.51, 0.5]))
    assert "1 of 8 runs missing (1 failed): this may still change." in said.text


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        ({"base": [None, None]}, "No run has finished yet, of 2 planned."),
        ({"base": [0.5, 0.6, 0.7]}, "nothing yet to compare it with"),
        ({"blind": [0.5, 0.6, 0.7]}, "Only controls have finished"),
        ({"a": [0.7] * 3, "base": [0.5] * 3}, "not separable from base"),
        ({"a": [0.7, None], "base": [None, 0.5]}, "No seed is finished for both"),
    ],
)
def test_odd_studies(arms, expected):
    assert expected in answer(compared(["blind"], **arms)).text


def test_another_metric_than_the_one_reported():
    comparison = compared(a=[0.5])
    other = Comparison(comparison.runs, {"test/f1": "max"}, None, frozenset(), {})
    assert answer(other).headline == "No finished run reports test/f1."


def test_priors_are_read_in_each_form():
    groups = ["both", "text"]
    assert read_priors({"majority": 0.2}, groups) == {"majority": {"overall": 0.2}}
    assert read_priors({"both": 0.2, "overall": 0.3}, groups) == {"prior": {"both": 0.2, "overall": 0.3}}
    nested = {"majority": {"overall": 0.2, "requires": {"both": 0.4}}, "note": "text"}
    assert read_priors(nested, groups) == {"majority": {"overall": 0.2, "both": 0.4}}
    split = {"question_only": 0.2, "question_only/requires": {"both": 0.4}}
    assert read_priors(split, groups) == {"question only": {"overall": 0.2, "both": 0.4}}
    assert read_priors(None, groups) == {}


def test_the_runs_table_is_left_as_it_was():
    comparison = compared(a=[0.5, 0.6, 0.7], base=[0.1, 0.2, 0.3])
    before = comparison.runs.table.copy()
    answer(comparison)
    pd.testing.assert_frame_equal(before, comparison.runs.table)


def test_measured_priors_and_ceiling_are_found_in_the_description():
    data = {
        "priors": {"majority": 0.2},
        "question_priors": {"test": {"both": {"majority": 0.3, "question_only": 0.4}, "overall": {"majority": 0.25}}},
        "ideal": {"text": {"both": 0.4}, "text+image+audio": {"both": 1.0, "overall": 0.99}},
    }
    assert described_priors(data, ["both"]) == {
        "majority": {"both": 0.3, "overall": 0.25},
        "question only": {"both": 0.4},
        "ceiling": {"both": 1.0, "overall": 0.99},
    }
