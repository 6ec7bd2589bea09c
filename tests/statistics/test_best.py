"""The leader among many arms: against statsmodels, and what the recorded simulation must keep to."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from interlace.bench.scenarios import SCENARIOS
from interlace.bench.statistics import ARMS, CLAIMS, SEEDS, SHIFTS, Cell, said_of
from interlace.bench.statistics_tables import BLOCK, block
from interlace.statistics.best import compare_with_best, separation_p
from interlace.statistics.bimodality import find_bimodality
from interlace.statistics.contrasts import ArmResults

RECORDED = Path(__file__).parents[2] / "experiments" / "bench-statistics" / "results.json"


def arms_of(values):
    return {str(arm): ArmResults(dict(enumerate(map(float, row)))) for arm, row in enumerate(values)}


def test_p_values_of_the_leader_are_holms_over_all_pairs():
    values = np.random.default_rng(0).normal(size=(4, 6)) + np.arange(4)[:, None]
    verdict = compare_with_best(arms_of(values), "max")
    leader = int(verdict.best)
    raw = {n: stats.ttest_rel(values[leader], values[int(n)]).pvalue for n in verdict.others}
    padded = [*raw.values(), 1.0, 1.0, 1.0]  # six pairs, of which three have no part in the leader's comparisons
    expected = multipletests(padded, method="holm")[1][:3]
    assert [rival.p_adjusted for rival in verdict.others.values()] == pytest.approx(list(expected))


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 6))
def test_a_winner_is_told_from_nobody_and_mirrored_figures_give_the_same(seed, k, n):
    values = np.random.default_rng(seed).normal(size=(k, n)) * 0.01 + 0.5
    verdict, logged = compare_with_best(arms_of(values), "max"), compare_with_best(arms_of(-values), "min")
    assert (verdict.best, verdict.wins, verdict.undecided) == (logged.best, logged.wins, logged.undecided)
    assert verdict.wins == (not verdict.undecided)
    if n < 3:
        assert not verdict.wins


def test_an_arm_without_noise_is_beaten():
    assert compare_with_best(arms_of([[0.7] * 3, [0.5] * 3]), "max").wins
    one_item = compare_with_best(arms_of([[0.51] * 3, [0.5] * 3]), "max", resolution=0.01)
    assert not one_item.wins


def test_plateaus_are_seen_where_they_are_and_seldom_elsewhere():
    found = find_bimodality({0: 0.98, 1: 0.985, 2: 0.54, 3: 0.55, 4: 0.98}, 1.0)
    assert (found.low, found.high) == ((2, 3), (0, 1, 4))
    assert find_bimodality({0: 0.98, 1: 0.54}, 1.0) is None
    assert find_bimodality({0: 0.981, 1: 0.981, 2: 0.98}, 1.0) is None  # a gap of a tenth of a point matters to nobody
    rng = np.random.default_rng(0)
    for n in (3, 5, 10):
        seen = sum(find_bimodality(dict(enumerate(rng.normal(0.5, 0.2, n))), 1.0) is not None for _ in range(1000))
        assert seen / 1000 < 0.075


def test_separation_is_the_rank_sum_test_of_arms_that_do_not_overlap():
    for n in (3, 4, 6):
        low, high = np.arange(n) / 100, 0.5 + np.arange(n) / 100
        expected = stats.mannwhitneyu(high, low, alternative="greater", method="exact").pvalue
        mine, theirs = arms_of([high, low]).values()
        assert separation_p(mine, theirs, "max") == pytest.approx(expected)
        assert separation_p(mine, theirs, "min") == 1.0


@pytest.mark.parametrize("name", SCENARIOS)
def test_equal_arms_are_seldom_told_apart(name):
    """A short run of the simulation: the rate of false claims, with room for the error of so few studies."""
    scenario, rng, repeats = SCENARIOS[name], np.random.default_rng(5), 60
    false = [any(said_of(scenario.draw(rng, 3, 3, 0.0), scenario).values()) for _ in range(repeats)]
    assert np.mean(false) < 0.25


def test_the_recorded_simulation_keeps_to_five_percent():
    """No claim of a report is false more often than in 5%, and the simulation's error, in any cell that is recorded."""
    cells = [Cell(**cell) for cell in json.loads(RECORDED.read_text(encoding="utf-8"))["cells"]]
    seen = {(c.procedure, c.scenario, c.truth, c.k, c.n) for c in cells}
    wanted = {("wins", s, truth, k, n) for s in SCENARIOS for truth in SHIFTS for k in ARMS for n in SEEDS}
    assert wanted <= seen
    claims = [c for c in cells if c.truth != "coverage"]
    assert {c.procedure for c in claims} == {*CLAIMS, "mean ranks"}
    # of so many cells at 5% a few lie beyond two standard errors by chance: none beyond four, and few beyond two
    assert not [c for c in claims if c.rate > 0.05 + 2 * c.error]
    assert sum(c.exceeds for c in claims) <= 0.025 * len(claims) + 2 * math.sqrt(0.025 * len(claims))


def test_the_tables_of_the_readme_are_those_of_the_record():
    """Mend with: interlace bench statistics --output experiments/bench-statistics/results.json"""
    cells = [Cell(**cell) for cell in json.loads(RECORDED.read_text(encoding="utf-8"))["cells"]]
    assert BLOCK.search((RECORDED.parent / "README.md").read_text(encoding="utf-8")).group() == block(cells)
