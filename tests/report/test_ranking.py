"""Strategies ranked over settings: published critical values, hand-made ranks, and what the page says."""

import itertools

import numpy as np
import pytest
from scipy.stats import chi2

from interlace.report.answer import answer
from interlace.report.comparison import Comparison
from interlace.report.ranking import matrix_rows
from interlace.report.results import COST_COLUMNS, PlannedRun, Runs
from interlace.statistics.ranks import nemenyi, rank_test

FIGURES = {  # arm -> figure in each of four settings
    "best": (0.9, 0.8, 0.95, 0.7),
    "middle": (0.8, 0.7, 0.9, 0.6),
    "tied": (0.8, 0.5, 0.7, 0.5),
    "alone": (0.5, 0.5, 0.5, 0.5),
}


def comparison(tmp_path, figures=FIGURES, conditions=("task",), controls=("alone",), seeds=3):
    runs, records = [], []
    for arm, values in figures.items():
        for number, value in enumerate(values):
            for seed in range(seeds):
                runs.append(PlannedRun("toy", arm, {"task": f"t{number}"}, seed, tmp_path / f"{arm}-{number}-{seed}"))
                figure = {"metrics": {"test/accuracy": value}, "costs": dict.fromkeys(COST_COLUMNS, 1.0)}
                records.append({"status": "done", "error": "", "stale": False, **figure})
    return Comparison(Runs(runs, records), {"test/accuracy": "max"}, None, frozenset(controls), {}, conditions)


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_critical_values_are_the_published_ones(methods, q):
    """Demsar 2006, table 5(a): critical values of the two-tailed Nemenyi test at 0.05."""
    assert nemenyi(methods, 6) == pytest.approx(q * np.sqrt(methods * (methods + 1) / 36), rel=1e-3)
    values = np.random.default_rng(0).normal(size=(methods, 200))
    assert rank_test(values).critical_difference == pytest.approx(nemenyi(methods, 200), abs=0.012)


def test_friedman_is_the_formula_of_the_paper():
    """Demsar 2006, section 3.2.2: chi2_F = 12 N / k (k + 1) (sum of squared mean ranks - k (k + 1)^2 / 4)."""
    values = np.random.default_rng(0).normal(size=(4, 14)) + np.array([[0.0], [0.3], [0.6], [0.9]])
    ranks = (values.argsort(0).argsort(0) + 1).mean(1)
    k, n = values.shape
    statistic = 12 * n / (k * (k + 1)) * ((ranks**2).sum() - k * (k + 1) ** 2 / 4)
    assert rank_test(values).p_value == pytest.approx(chi2.sf(statistic, k - 1))


@pytest.mark.parametrize(("k", "blocks"), [(2, 6), (3, 4), (3, 3), (4, 2)])
def test_few_blocks_agree_with_all_permutations(k, blocks):
    """Every order of the ranks within every block, counted."""
    values = np.random.default_rng(k).normal(size=(k, blocks))
    orders = np.array(list(itertools.permutations(range(1, k + 1))))
    means = np.array([orders[list(chosen)].mean(0) for chosen in itertools.product(range(len(orders)), repeat=blocks)])
    ranges = np.ptp(means, axis=1)
    allowed = [value for value in np.unique(ranges.round(9)) if (ranges >= value - 1e-6).mean() <= 0.05]
    expected = max(min(allowed, default=np.inf), nemenyi(k, blocks))
    assert rank_test(values).critical_difference == pytest.approx(expected)


def test_two_arms_over_four_settings_cannot_be_told_apart(tmp_path):
    """Nemenyi's asymptotic rule rejects there in one of eight studies of equal arms."""
    assert rank_test(np.array([[1.0, 1, 1, 1], [0.0, 0, 0, 0]])).critical_difference == np.inf
    one_seed = comparison(tmp_path, {"best": FIGURES["best"], "tied": FIGURES["tied"]}, seeds=1)
    assert "4 settings are too few to separate any two of them" in answer(one_seed).headline


def test_blocks_are_settings_by_seeds(tmp_path):
    """Three arms over four settings that each seed puts in the same order: twelve blocks tell what four do not."""
    ranking = comparison(tmp_path).ranking
    assert (ranking.blocks, ranking.by_seed) == (12, True)
    assert comparison(tmp_path, seeds=1).ranking.by_seed is False
    said = answer(comparison(tmp_path)).text
    assert "12 blocks of a setting and a seed. Blocks of one setting share its data" in said
    assert "not for other test items" in said


def test_ranks_that_do_not_differ_are_told_as_undecided(tmp_path):
    figures = {"a": (0.9, 0.7, 0.9, 0.7), "b": (0.8, 0.8, 0.8, 0.8), "c": (0.7, 0.9, 0.7, 0.9)}
    said = answer(comparison(tmp_path, figures)).text
    assert "whether ranks differ at all is not decided" in said
    assert "chance" not in said


def test_ranks_leave_controls_out_and_share_ties(tmp_path):
    ranking = comparison(tmp_path).ranking
    assert ranking.ranks.to_dict() == {"best": 1.0, "middle": 2.125, "tied": 2.875}
    assert list(ranking.means.index) == ["best", "middle", "tied", "alone"]
    assert list(ranking.means.columns) == ["t0", "t1", "t2", "t3"]


def test_the_answer_speaks_of_ranks(tmp_path):
    said = answer(comparison(tmp_path))
    assert said.headline.startswith("best ranks best over 4 settings: mean rank 1.0 of 3, ahead of all others")
    assert "t2: best reaches 95.0%." in said.details


def test_a_control_with_a_better_mean_is_told_in_its_setting(tmp_path):
    ahead = {**FIGURES, "alone": (0.1, 0.1, 0.99, 0.1)}
    said = next(text for text in answer(comparison(tmp_path, ahead)).details if text.startswith("t2: "))
    assert said.startswith("t2: best reaches 95.0%, the control alone 99.0% (")
    assert "separable from it" in said


def test_no_conditions_no_ranking(tmp_path):
    assert comparison(tmp_path, conditions=()).ranking is None
    assert comparison(tmp_path, {"best": (0.9, 0.8)}).ranking is None


def test_an_arm_that_lacks_a_setting_is_shown_and_not_ranked(tmp_path):
    ranking = comparison(tmp_path, {**FIGURES, "short": (0.99,)}).ranking
    assert "short" in ranking.means.index
    assert "short" not in ranking.ranks.index
    rows = {
        name: (kind, [text for text, _ in cells], rank)
        for name, kind, cells, rank in matrix_rows(ranking, "test/accuracy")
    }
    assert rows["short"] == ("", ["99.0", "–", "–", "–"], "")
    assert rows["alone"][0] == "control"
    assert rows["best"][0] == "best"
