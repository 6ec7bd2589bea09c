"""Statistics against scipy, statsmodels and numbers worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from interlace.statistics.bootstrap import bootstrap_mean
from interlace.statistics.contrasts import ArmResults, contrast, paired_t_p
from interlace.statistics.corrections import holm, seeds_to_reject, sign_flip_p
from interlace.statistics.intervals import mean_interval, spread, t_interval
from interlace.statistics.summary import cohen_dz, seed_values, summarize

NAN = float("nan")
samples = st.lists(st.floats(-100, 100, allow_subnormal=False), min_size=3, max_size=12)


def table(**arms):
    """Finished runs: arm -> figures of seeds 0, 1, ...; None is a hole."""
    rows = [
        {
            "arm": arm,
            "factors": "{}",
            "cell": arm,
            "seed": seed,
            "m": value,
            "status": "done" if value is not None else "failed",
        }
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows).astype({"m": float})


def test_t_interval_by_hand():
    # mean 3, sd sqrt(2.5), t(4, 0.975) = 2.776445
    low, high = t_interval([1, 2, 3, 4, 5])
    half = 2.7764451 * math.sqrt(2.5 / 5)
    assert (low, high) == pytest.approx((3 - half, 3 + half))


@given(samples)
def test_t_interval_agrees_with_scipy(values):
    if spread(values) == 0:
        return
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(values) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, NAN, 2.0]])
def test_below_three_values_there_is_no_interval_and_no_p(values):
    assert all(math.isnan(bound) for bound in t_interval(values))
    assert math.isnan(paired_t_p(values))
    assert math.isnan(sign_flip_p(values))


def test_equal_values_give_an_interval_of_width_zero():
    assert t_interval([0.7, 0.7, 0.7]) == pytest.approx((0.7, 0.7))
    assert spread([0.1 + 0.2, 0.3, 0.3]) == 0.0


def test_differences_without_noise():
    assert paired_t_p([0, 0, 0]) == 1.0
    assert cohen_dz([0, 0, 0]) == 0.0
    assert paired_t_p([0.2, 0.2, 0.2]) == 0.0  # a difference, and no noise
    assert cohen_dz([0.2, 0.2, 0.2]) == math.inf
    assert sign_flip_p([0.2, 0.2, 0.2]) == pytest.approx(2 / 8)


def test_a_spread_below_the_step_of_a_figure_is_taken_as_that_step():
    one_item = paired_t_p([0.01] * 3, resolution=0.01)  # of a hundred items one, on each seed
    assert one_item == pytest.approx(2 * stats.t.sf(math.sqrt(3), 2))
    assert paired_t_p([0.2] * 3, resolution=0.01) < 0.001
    assert paired_t_p([0.1, 0.2, 0.3], resolution=0.01) == paired_t_p([0.1, 0.2, 0.3])


def test_from_which_number_of_seeds_a_permutation_can_reject():
    for comparisons in (1, 4, 9):
        n = seeds_to_reject(0.05, comparisons)
        assert sign_flip_p(np.ones(n)) * comparisons <= 0.05 < sign_flip_p(np.ones(n - 1)) * comparisons
    assert seeds_to_reject() == 6


def test_effect_size_by_hand():
    assert cohen_dz([1, 2, 3]) == pytest.approx(2.0)


def test_sign_flip_by_hand():
    # sums of ±1 ±2 ±3 at least 4 away from zero: (1, -2, ...) no; 6, 4 (1 flipped), and their loggers: 4 of 8
    assert sign_flip_p([-1, 2, 3]) == pytest.approx(4 / 8)
    assert sign_flip_p([1, 2, 3, 4, 5]) == pytest.approx(2 / 32)


@given(st.lists(st.integers(-20, 20), min_size=3, max_size=9))
def test_sign_flip_agrees_with_scipy(values):
    expected = stats.permutation_test((values,), np.sum, permutation_type="samples", n_resamples=np.inf)
    # scipy doubles the smaller tail; the null is symmetric, so both counts agree
    assert sign_flip_p(values) == pytest.approx(min(1.0, expected.pvalue), abs=1e-9)


def test_many_seeds_are_sampled_close_to_the_exact_p():
    rng = np.random.default_rng(0)
    values = rng.normal(0.25, 1, 24)
    assert sign_flip_p(values) == pytest.approx(paired_t_p(values), abs=0.03)
    assert sign_flip_p(values) == sign_flip_p(values)


def test_holm_by_hand():
    # sorted 0.01, 0.02, 0.04 times 3, 2, 1, made monotone
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    corrected = holm([0.04, NAN, 0.01])
    assert corrected[0] == pytest.approx(0.04)
    assert math.isnan(corrected[1])
    assert corrected[2] == pytest.approx(0.02)
    assert holm([]) == []


@given(st.lists(st.floats(0, 1) | st.just(NAN), max_size=12))
def test_holm_agrees_with_statsmodels(p_values):
    known = [p for p in p_values if not math.isnan(p)]
    expected = iter(multipletests(known, method="holm")[1] if known else [])
    corrected = [next(expected) if not math.isnan(p) else NAN for p in p_values]
    assert holm(p_values) == pytest.approx(corrected, nan_ok=True, abs=0)


@given(samples)
def test_paired_p_agrees_with_scipy(values):
    if spread(values) > 0:
        assert paired_t_p(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=1e-9)


def test_paired_comparison_uses_shared_seeds_only():
    mine, theirs = {0: 1.0, 1: 2.0, 2: 4.0, 9: 100.0}, {0: 0.0, 1: 0.0, 2: 1.0, 5: -3.0}
    result = contrast(ArmResults(mine), ArmResults(theirs))
    assert result.n == 3
    assert result.difference == pytest.approx(2.0)
    assert result.p_value == pytest.approx(stats.ttest_rel([1, 2, 4], [0, 0, 1]).pvalue)
    assert contrast(ArmResults({0: 1.0}), ArmResults({1: 1.0})).n == 0


@given(samples, st.data())
def test_swapping_the_sides_mirrors_the_result(values, data):
    others = data.draw(st.lists(st.floats(-100, 100), min_size=len(values), max_size=len(values)))
    a, b = ArmResults(dict(enumerate(values))), ArmResults(dict(enumerate(others)))
    one, two = contrast(a, b), contrast(b, a)
    assert one.difference == pytest.approx(-two.difference)
    assert one.p_value == pytest.approx(two.p_value, nan_ok=True)
    assert one.interval() == pytest.approx((-two.interval()[1], -two.interval()[0]), nan_ok=True)


@given(st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0]), min_size=3, max_size=12))
def test_intervals_of_a_bounded_metric_stay_in_its_range(values):
    low, high = mean_interval(values, (0.0, 1.0))
    if spread(values) == 0.0:
        assert math.isnan(low)
        assert math.isnan(high)
        return
    mean, plain = float(np.mean(values)), t_interval(values)
    assert 0.0 <= low <= mean + 1e-12
    assert mean - 1e-12 <= high <= 1.0
    assert low <= max(plain[0], 0.0) + 1e-12  # never shorter than Student's t inside the range
    assert high >= min(plain[1], 1.0) - 1e-12


def test_a_metric_with_one_bound_is_cut_off_there():
    low, high = mean_interval([0.1, 0.0, 0.3], (0.0, math.inf))
    assert low == 0.0
    assert high == pytest.approx(t_interval([0.1, 0.0, 0.3])[1])


def test_bootstrap_of_a_share_has_the_binomial_width():
    scores = np.repeat([0.0, 1.0], [300, 700])
    low, high = bootstrap_mean(scores)
    half = 1.96 * math.sqrt(0.7 * 0.3 / 1000)
    assert (low, high) == pytest.approx((0.7 - half, 0.7 + half), abs=0.003)
    assert bootstrap_mean(scores) == (low, high)


def test_bootstrap_of_continuous_scores_agrees_with_scipy():
    scores = np.random.default_rng(1).exponential(size=700)
    expected = stats.bootstrap((scores,), np.mean, method="percentile", rng=0).confidence_interval
    assert bootstrap_mean(scores) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_clusters_are_drawn_whole():
    """Ten equal copies of each item are worth no more than one."""
    scores = np.random.default_rng(2).random(60)
    copies, clusters = np.repeat(scores, 10), np.repeat(np.arange(60), 10)
    assert bootstrap_mean(copies, clusters) == pytest.approx(bootstrap_mean(scores))
    assert np.ptp(bootstrap_mean(copies)) < np.ptp(bootstrap_mean(scores)) / 2.5


def test_bootstrap_needs_items():
    assert all(math.isnan(bound) for bound in bootstrap_mean([]))
    assert bootstrap_mean([1.0, 1.0, 1.0]) == (1.0, 1.0)


def test_pairing_by_item_narrows_the_interval():
    rng = np.random.default_rng(0)
    hard = rng.random(2000) < 0.5
    a, b = hard.astype(float), np.where(rng.random(2000) < 0.02, 1 - hard, hard).astype(float)
    low, high = bootstrap_mean(a - b)
    assert high - low < 0.02
    assert low <= (a - b).mean() <= high


def test_summary_ranks_and_compares_with_the_baseline():
    figures = {"a": [0.9, 0.8, 0.85], "base": [0.5, 0.6, 0.58], "c": [0.4, 0.7, None]}
    summary = summarize(table(**figures), "m", "max", "base")
    assert list(summary.index) == ["a", "base", "c"]
    a = summary.loc["a"]
    assert (a["n"], a["mean"]) == (3, pytest.approx(0.85))
    assert a["difference"] == pytest.approx(0.29)
    assert a["p_value"] == pytest.approx(stats.ttest_rel(figures["a"], figures["base"]).pvalue)
    assert a["p_adjusted"] == pytest.approx(a["p_value"])  # c has two pairs: no test, no correction
    assert math.isnan(summary.loc["base", "difference"])
    assert summary.loc["c", "difference"] == pytest.approx(0.0)
    assert math.isnan(summary.loc["c", "p_value"])
    assert math.isnan(summary.loc["c", "ci_low"])


def test_lower_is_better_ranks_the_other_way_round():
    assert list(summarize(table(a=[3.0], b=[1.0], c=[2.0]), "m", "min").index) == ["b", "c", "a"]


@pytest.mark.parametrize("baseline", [None, "absent"])
def test_without_a_baseline_there_are_no_differences(baseline):
    summary = summarize(table(a=[1.0, 2.0, 3.0], b=[2.0, 3.0, 4.0]), "m", "max", baseline)
    assert summary["difference"].isna().all()
    assert summary["p_adjusted"].isna().all()
    assert summary["mean"].tolist() == [3.0, 2.0]


def test_arms_without_results_come_last():
    summary = summarize(table(a=[None, None], b=[1.0, NAN]), "m", "min", "a")
    assert summary["n"].to_dict() == {"b": 1, "a": 0}
    assert math.isnan(summary.loc["a", "mean"])


def test_an_unknown_metric_leaves_every_cell_empty():
    assert summarize(table(a=[1.0]), "other", "max", "a")["n"].tolist() == [0]


def test_factor_cells_are_compared_within_their_setting():
    rows = [
        {
            "arm": arm,
            "factors": f'{{"k": {k}}}',
            "cell": f"{arm} [k={k}]",
            "seed": s,
            "m": k + bonus + s / 10,
            "status": "done",
        }
        for arm, bonus in (("a", 0.5), ("base", 0.0))
        for k in (1, 8)
        for s in range(3)
    ]
    summary = summarize(pd.DataFrame(rows), "m", "max", "base")
    assert summary.loc["a [k=1]", "difference"] == pytest.approx(0.5)
    assert summary.loc["a [k=8]", "difference"] == pytest.approx(0.5)
    against_one = summarize(pd.DataFrame(rows), "m", "max", "base [k=1]")
    assert against_one.loc["a [k=8]", "difference"] == pytest.approx(7.5)


def test_rows_of_one_seed_are_averaged():
    runs = pd.concat([table(a=[1.0, 2.0]), table(a=[3.0, 4.0])])
    assert seed_values(runs, "m") == {"a": {0: 2.0, 1: 3.0}}
