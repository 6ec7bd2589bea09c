"""The answer in words agrees with the figures it stands on."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from interlace.configuration.tasks import task_named
from interlace.data.describing import majority_priors
from interlace.data.split import Split
from interlace.metrics.groups import named_groups, shared_values
from interlace.report.answer import answer
from interlace.report.comparison import Comparison
from interlace.report.page import MAX_VALUES, facts
from interlace.report.priors import described_priors, read_priors
from interlace.report.results import PlannedRun, Runs
from interlace.statistics.contrasts import Items


def compared(controls=(), baseline="base", direction="max", margin=None, **arms):
    """A comparison of arms -> figures of seeds 0, 1, ...; None is a run that failed, NaN one that diverged."""
    runs, records = [], []
    for arm, values in arms.items():
        for seed, value in enumerate(values):
            metrics = {} if value is None else {"test/accuracy": value}
            status = "failed" if value is None else "diverged" if math.isnan(value) else "done"
            runs.append(PlannedRun("s", arm, {}, seed, "absent"))
            records.append({"status": status, "error": "", "stale": False, "metrics": metrics, "costs": {}})
    metrics = {"test/accuracy": direction}
    return Comparison(Runs(runs, records), metrics, baseline, frozenset(controls), {}, margin=margin)


def test_a_clear_winner():
    said = answer(compared(best=[0.98, 0.985, 0.99], base=[0.76, 0.77, 0.78], c=[0.5, 0.52, 0.51]))
    # Student's t has [97.3, 99.7]; logits 3.892, 4.184, 4.595: expit(4.224 - 4.3027 * 0.3533 / sqrt(3)) = 0.966
    assert (
        said.headline
        == "best leads over seeds, on these test items alone: 98.5% test accuracy [96.6, 99.7], 21.5 points above base."
    )
    # differences 0.22, 0.215, 0.21: sd 0.005; 4.3027 * 0.005 / sqrt(3): the interval of the test that a winner passed
    corrected = "(p < 0.001 after Holm over 2 comparisons)"
    assert f"21.5 points above the baseline base [+20.3, +22.7], p < 0.001 {corrected}" in said.text
    assert "is +21.5 points [+20.3, +22.7], p < 0.001 (a winner passes each of its 2 comparisons at 0.05" in said.text
    assert "over seeds only" in said.text


def test_a_leader_that_is_not_separable():
    said = answer(compared(a=[0.90, 0.95, 0.92], b=[0.93, 0.90, 0.91], base=[0.5, 0.52, 0.51]))
    assert said.headline.startswith("a leads with 92.3% test accuracy")
    assert said.headline.endswith("and is not separable from b.")
    assert "+1.0 points" in said.text
    assert "wins" not in said.text


def test_a_difference_of_no_winner_is_corrected():
    said = answer(compared(a=[0.90, 0.95, 0.92], b=[0.93, 0.90, 0.91], base=[0.5, 0.52, 0.51]))
    # differences 0.4, 0.43, 0.41: sd 0.015275; Holm doubles the p of the least, the interval is at 97.5%
    assert f"[{41.333 - 620.53 * 0.015275 / 3**0.5:+.1f}, {41.333 + 620.53 * 0.015275 / 3**0.5:+.1f}]" in said.text
    assert "(interval and p corrected by Holm over 2 comparisons)" in said.text


def test_too_few_seeds():
    said = answer(compared(a=[0.9, 0.95], base=[0.5, 0.52]))
    assert "on 2 seeds: too few to tell a difference from luck" in said.headline


def test_a_baseline_that_leads():
    said = answer(compared(base=[0.9, 0.91, 0.92], a=[0.5, 0.52, 0.51]))
    assert said.headline.startswith("base leads over seeds, on these test items alone")
    assert "It is the baseline" in said.text


def test_lower_can_be_better():
    said = answer(compared(direction="min", a=[0.1, 0.11, 0.13], base=[0.5, 0.52, 0.51]))
    assert said.headline.startswith("a leads over seeds, on these test items alone: 11.3%")
    assert "below base" in said.headline


def test_a_control_above_the_leader_is_said():
    said = answer(compared(["blind"], blind=[0.95, 0.96, 0.97], a=[0.9, 0.91, 0.92], base=[0.5, 0.52, 0.51]))
    assert said.headline.startswith("a leads over seeds, on these test items alone")
    assert "But a control does better still: blind reaches 96.0%." in said.text


def test_a_control_that_may_be_better_is_tested_like_any_other():
    said = answer(compared(["blind"], blind=[0.93, 0.89, 0.96], a=[0.9, 0.91, 0.92], base=[0.5, 0.52, 0.51]))
    assert (
        "A control, blind, has the better mean, 92.7%, and is not separable from the best strategy, p = 0.93."
        in said.text
    )
    said = answer(compared(["blind"], blind=[0.55, 0.9, 0.8], a=[0.9, 0.91, 0.92], base=[0.5, 0.52, 0.51]))
    assert "The best control, blind, reaches 75.0%, and is not separable from the best strategy." in said.text


def test_plateaus_are_named_and_no_winner_is():
    figures = {"a": [0.98, 0.985, 0.55, 0.99, 0.54], "b": [0.73, 0.7, 0.71, 0.7, 0.72]}
    said = answer(compared(baseline=None, **figures))
    assert said.headline.startswith(
        "a leads with 80.9% test accuracy [46.0, 100.0] on two plateaus (seeds 2 and 4 at 54.5%"
    )
    assert "so that a mean describes no run: a." in said.text


def test_an_arm_on_plateaus_is_beaten_where_no_seed_of_it_comes_near():
    low = answer(compared(baseline=None, a=[0.9, 0.91, 0.92, 0.9, 0.91], b=[0.2, 0.5, 0.5, 0.2, 0.5]))
    assert low.headline.startswith("a leads over seeds, on these test items alone")
    few = answer(compared(baseline=None, a=[0.9, 0.91, 0.92], b=[0.2, 0.5001, 0.5]))  # of three seeds none is told
    assert "wins" not in few.headline


def test_diverged_runs_are_counted_and_their_arm_is_not_ranked():
    comparison = compared(a=[0.9, 0.91, 0.92], base=[0.5, 0.52, 0.51], lost=[0.99, 0.99, math.nan])
    assert "lost" not in comparison.contenders
    said = answer(comparison)
    assert said.headline.startswith("a leads over seeds, on these test items alone: 91.0%")
    assert "lost diverged on 1 of 3 runs and is not ranked." in said.text
    assert "missing" not in said.text


def test_equivalence_is_told_within_a_margin_only():
    figures = {"a": [0.9, 0.902, 0.901, 0.9], "b": [0.9, 0.9, 0.901, 0.901]}
    assert "quivalent" not in answer(compared(**figures)).text
    assert (
        "Equivalent to it within ±1.0 points (two one-sided tests): b." in answer(compared(margin=0.01, **figures)).text
    )
    none = answer(compared(margin=0.001, **figures)).text
    assert "None is shown to be equivalent to it within ±0.1 points." in none


def test_claims_hold_over_test_items_too():
    """A lead that every seed has, by three of two hundred items: other items would not show it."""
    rng = np.random.default_rng(0)
    right = rng.random(200) < 0.8
    seeds = [right ^ (rng.random(200) < 0.01) for _ in range(5)]
    lucky = [each.copy() for each in seeds]
    for each in lucky:
        each[np.flatnonzero(~right)[:3]] = True  # three items that this arm knows on every seed
    tables = {"a": lucky, "b": seeds}
    ids = np.arange(200)
    items = {
        name: Items(ids, ids, {seed: table.astype(float) for seed, table in enumerate(each)})
        for name, each in tables.items()
    }
    arms = {name: [table.mean() for table in each] for name, each in tables.items()}
    alone = compared(baseline=None, **arms)
    assert answer(alone).headline.startswith("a leads over seeds, on these test items alone")
    both = dataclasses.replace(alone, recorded={"test/accuracy": items})
    assert "is not separable from b" in answer(both).headline
    assert "hold for other seeds and other test items of the kind (200 test items)" in answer(both).text


def test_holes_are_counted():
    said = answer(compared(a=[0.9, 0.91, 0.92, None], base=[0.5, 0.52, 0.51, 0.5]))
    assert "1 of 8 runs missing (1 failed): this may still change." in said.text


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        ({"base": [None, None]}, "No run has finished yet, of 2 planned."),
        ({"base": [0.5, 0.6, 0.7]}, "nothing yet to compare it with"),
        ({"blind": [0.5, 0.6, 0.7]}, "Only controls have finished"),
        (
            {"a": [0.7] * 3, "base": [0.5] * 3},
            "a leads over seeds, on these test items alone: 70.0% test accuracy, 20.0 points above base.",
        ),
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


def test_priors_of_a_data_set_are_named_as_the_groups_of_its_figures():
    """Two fields with the same values: neither takes the other's place, and the record of a class is its accuracy."""
    splits = {name: groups_split(name) for name in ("train", "test")}
    told = majority_priors(splits["train"], splits["test"], ["a", "b"], task_named("classification"))
    names = [name for name, _ in named_groups(splits["test"].groups, shared_values({"test": splits["test"].groups}))]
    assert names == ["male=0", "male=1", "noisy=0", "noisy=1", "indoors", "outdoors"]
    found = read_priors(told, names)
    expected = {"overall": told["majority"]["accuracy"]}
    for field, column in splits["test"].groups.items():
        for value in np.unique(column):
            name = f"{field}={value}" if field in ("male", "noisy") else value
            expected[name] = told[f"majority/{field}"][value]["accuracy"]
    assert found == {"majority": expected}
    assert len(set(expected.values())) > 3


@pytest.mark.parametrize("num_classes", [2, 7, MAX_VALUES, MAX_VALUES + 5])
def test_the_count_of_each_class_is_a_fact_of_the_page(num_classes):
    classes = [f"class {i}" for i in range(num_classes)]
    labels = {"train": np.repeat(np.arange(num_classes), np.arange(1, num_classes + 1)), "test": np.zeros(3, np.int64)}
    splits = {name: Split({}, values, [str(i) for i in range(len(values))]) for name, values in labels.items()}
    spec = task_named("classification")
    counts = {name: spec.counts(split.labels, classes) for name, split in splits.items()}
    assert {name: sum(each.values()) for name, each in counts.items()} == {k: len(v) for k, v in labels.items()}
    told = dict(facts({"class_counts": counts}))
    for i in range(min(num_classes, MAX_VALUES)):
        assert f"class {i} {i + 1}" in told["class counts, train"].split(" … ")[0].split(" · ")
    assert told["class counts, test"].startswith("class 0 3 · class 1 0")
    assert ("(5 more)" in told["class counts, train"]) == (num_classes > MAX_VALUES)


def groups_split(name):
    """12 examples whose label hangs on three fields, two of which have the same values."""
    rows = np.arange(12) if name == "train" else np.array([0, 1, 1, 2, 3, 5, 5, 7, 9, 11, 11, 11])
    groups = {
        "male": (rows % 2).astype(str), "noisy": (rows % 3 == 0).astype(int).astype(str),
        "place": np.where(rows < 4, "indoors", "outdoors"),
    }  # fmt: skip
    labels = ((rows % 3 == 0) | (rows % 5 == 0)).astype(np.int64)
    return Split({}, labels, [str(row) for row in range(12)], groups)


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
