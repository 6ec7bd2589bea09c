"""Strategies ranked over settings: published critical values, hand-made ranks, and what the page says."""

import numpy as np
import pytest
from scipy.stats import chi2

from interlace.studies.report.answer import answer
from interlace.studies.report.comparison import Comparison
from interlace.studies.report.ranking import matrix_rows
from interlace.studies.results import COST_COLUMNS, PlannedRun, Runs
from interlace.studies.statistics import critical_difference, friedman_p

FIGURES = {  # arm -> figure in each of four settings
    "best": (0.9, 0.8, 0.95, 0.7),
    "middle": (0.8, 0.7, 0.9, 0.6),
    "tied": (0.8, 0.5, 0.7, 0.5),
    "alone": (0.5, 0.5, 0.5, 0.5),
}


def comparison(tmp_path, figures=FIGURES, conditions=("task",), controls=("alone",)):
    runs, records = [], []
    for arm, values in figures.items():
        for number, value in enumerate(values):
            for seed in range(3):
                runs.append(PlannedRun("toy", arm, {"task": f"t{number}"}, seed, tmp_path / f"{arm}-{number}-{seed}"))
                figure = {"metrics": {"test/accuracy": value}, "costs": dict.fromkeys(COST_COLUMNS, 1.0)}
                records.append({"status": "done", "error": "", "stale": False, **figure})
    return Comparison(Runs(runs, records), {"test/accuracy": "max"}, None, frozenset(controls), {}, conditions)


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_critical_values_are_the_published_ones(methods, q):
    """Demsar 2006, table 5(a): critical values of the two-tailed Nemenyi test at 0.05."""
    assert critical_difference(methods, 6) == pytest.approx(q * np.sqrt(methods * (methods + 1) / 36), rel=1e-3)


def test_friedman_is_the_formula_of_the_paper():
    """Demsar 2006, section 3.2.2: chi2_F = 12 N / k (k + 1) (sum of squared mean ranks - k (k + 1)^2 / 4)."""
    values = np.random.default_rng(0).normal(size=(4, 14)) + np.array([[0.0], [0.3], [0.6], [0.9]])
    ranks = (values.argsort(0).argsort(0) + 1).mean(1)
    k, n = values.shape
    statistic = 12 * n / (k * (k + 1)) * ((ranks**2).sum() - k * (k + 1) ** 2 / 4)
    assert friedman_p(values) == pytest.approx(chi2.sf(statistic, k - 1))


def test_ranks_leave_controls_out_and_share_ties(tmp_path):
    ranking = comparison(tmp_path).ranking
    assert ranking.ranks.to_dict() == {"best": 1.0, "middle": 2.125, "tied": 2.875}
    assert list(ranking.means.index) == ["best", "middle", "tied", "alone"]
    assert list(ranking.means.columns) == ["t0", "t1", "t2", "t3"]


def test_the_answer_speaks_of_ranks(tmp_path):
    said = answer(comparison(tmp_path))
    assert said.headline.startswith("best ranks best over 4 settings: mean rank 1.0 of 3; not separable from middle")
    assert "t2: best reaches 95.0%." in said.details


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
    assert rows["best"][0] == "leader"
