"""Results of simulated raters: known qualities are found, false claims are rare, and what is not known is told."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from interlace.cli.application import run
from interlace.errors import UserError
from interlace.judging.agreement import _kendall, _pearson
from interlace.judging.comparing import as_outcomes, bradley_terry, estimate, rate
from interlace.judging.making import Plan
from interlace.judging.store import RatingStore
from interlace.judging.summary import summarize
from tests.judging.simulated import made
from tests.judging.simulated import rate as rated


@pytest.mark.parametrize("design", ["pairs", "scale"])
def test_a_better_system_is_found_and_its_strength_is_known(tmp_path, design):
    folder = rated(made(tmp_path, Plan(design, items=90 if design == "pairs" else 30, raters=5)), [0.0, 0.0, 2.0])
    found = summarize(folder.path)
    assert "secret-tern is preferred to secret-auk." in found.claims
    assert "secret-tern is preferred to secret-gull." in found.claims
    assert not any(
        "auk is preferred to secret-gull" in claim or "gull is preferred to" in claim for claim in found.claims
    )
    strength = {each.system: each for each in found.strengths}
    assert strength["secret-tern"].low > 0.3
    assert {each.level for each in found.alphas} == {"nominal", "ordinal", "interval"}
    assert found.alphas[1].value > 0.1
    metrics = {each.metric: each for each in found.metrics}
    assert metrics["length"].kendall[1] > 0
    assert metrics["noise"].kendall[1] < 0 < metrics["noise"].kendall[2]
    assert found.themselves is not None
    assert found.themselves.total == sum(turn.repeat for order in folder.orders for turn in order)


def test_intervals_of_strengths_hold_the_true_ones():
    """Raters and items with tastes of their own make outcomes depend on each other; ties are those of Davidson."""
    true, held, repeats = np.array([-0.8, 0.1, 0.7]), 0, 20
    for seed in range(repeats):
        draw = np.random.default_rng(seed)
        raters, items = (each.ravel() for each in np.indices((6, 60)))
        first, second = np.array([(0, 1), (0, 2), (1, 2)])[items % 3].T
        odds = np.exp(np.stack([true[first], (true[first] + true[second]) / 2 - 1, true[second]], axis=1))
        drawn = (draw.random((360, 1)) > np.cumsum(odds / odds.sum(1, keepdims=True), axis=1)).sum(axis=1)
        rows = zip(first, second, 1 - drawn / 2, np.zeros(360), raters, items, np.ones(360), strict=True)
        found = bradley_terry(as_outcomes(list(rows)), "abc")
        held += sum(each.low < value < each.high for each, value in zip(found, true, strict=True))
    assert held >= 0.9 * 3 * repeats


def test_a_preference_for_the_left_side_is_told_and_helps_no_system(tmp_path):
    found = summarize(rated(made(tmp_path, Plan(items=90, raters=4)), [0.0, 0.0, 0.0], left=1.5).path)
    assert found.left is not None
    assert found.left.p < 0.001
    assert any("preferred the left side" in note for note in found.notes)
    assert found.claims == ["No system is preferred significantly to another."]


def simulated_values(draw, raters, items, spread_raters, spread_items, ties=0.2):
    """Outcomes -1/2, 0, 1/2 of equal systems: raters and items have tastes of their own, with mean zero."""
    taste_raters = draw.normal(0, spread_raters, raters)
    if raters < 3:  # the claim is about these raters
        taste_raters -= taste_raters.mean()
    gap = taste_raters[:, None] + draw.normal(0, spread_items, items) + draw.logistic(size=(raters, items))
    outcome = np.where(np.abs(gap) < ties, 0.0, np.sign(gap) / 2)
    where = np.indices(outcome.shape).reshape(2, -1)
    return outcome.ravel(), where[0], where[1]


@pytest.mark.parametrize(("raters", "items"), [(1, 12), (1, 50), (2, 50), (3, 12), (3, 50), (5, 50), (12, 12)])
@pytest.mark.parametrize(("spread_raters", "spread_items"), [(0.0, 0.0), (0.7, 1.5), (1.5, 0.0)])
def test_equal_systems_are_said_to_differ_in_at_most_five_percent(raters, items, spread_raters, spread_items):
    draw, repeats = np.random.default_rng([raters, items, int(10 * spread_raters)]), 200
    false = outside = 0
    for _ in range(repeats):
        values, by, about = simulated_values(draw, raters, items, spread_raters, spread_items)
        found = rate(values + 0.5, by, about)
        false += found.p < 0.05
        outside += not found.low <= 0.5 <= found.high
    most = stats.binom.ppf(0.999, repeats, 0.05)
    assert false <= most
    assert outside <= most


@pytest.mark.parametrize("raters", [1, 3])
def test_points_of_equal_systems_differ_significantly_in_at_most_five_percent(raters):
    draw, repeats, false = np.random.default_rng(raters), 300, 0
    for _ in range(repeats):
        tastes = draw.normal(0, 0.7 * (raters > 1), (2, raters, 1))
        points = np.clip(np.round(3 + draw.normal(0, 1, (2, raters, 20)) + tastes), 1, 5)
        where = np.indices((raters, 20)).reshape(2, -1)
        false += estimate((points[0] - points[1]).ravel(), where[0], where[1]).p < 0.05
    assert false <= stats.binom.ppf(0.999, repeats, 0.05)


def test_a_rate_near_its_end_has_no_empty_interval():
    always = rate(np.ones(20), np.zeros(20, dtype=np.int64), np.arange(20))
    assert always.mean == 1.0
    assert always.low == pytest.approx(0.839, abs=0.001)  # Wilson's for 20 of 20
    assert always.p == pytest.approx(2 * 0.5**20)
    few = rate(np.ones(4), np.zeros(4, dtype=np.int64), np.arange(4))
    assert few.p == 0.125


def test_correlations_are_those_of_scipy():
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 5, 40).astype(float), draw.integers(0, 4, 40).astype(float)
    one = np.ones((1, 40))
    assert _kendall(x, y, one)[0] == pytest.approx(stats.kendalltau(x, y).statistic)
    assert _pearson(x, y, one)[0] == pytest.approx(stats.pearsonr(x, y).statistic)
    weights = draw.multinomial(40, np.full(40, 1 / 40), size=3)
    for value, each in zip(_kendall(x, y, weights.astype(float)), weights, strict=True):
        again = np.repeat(np.arange(40), each)
        assert value == pytest.approx(stats.kendalltau(x[again], y[again]).statistic)


def test_equal_answers_count_as_ties(tmp_path):
    found = summarize(rated(made(tmp_path, Plan(items=90, raters=3), equal=30), [0.0, 5.0, 9.0]).path)
    alike = next(each for each in found.pairs if (each.first, each.second) == ("secret-auk", "secret-gull"))
    assert (alike.identical, alike.rate.mean, alike.preferred) == (30, 0.5, None)
    assert any("30 comparisons had two equal answers" in note for note in found.notes)


def test_few_raters_few_items_and_unfinished_orders_are_told(tmp_path):
    folder = made(tmp_path, Plan(items=12, raters=2, repeats=0.0))
    with pytest.raises(UserError, match="nothing has been rated yet"):
        summarize(folder.path)
    found = summarize(rated(folder, [0.0, 1.0, 2.0], raters=1).path)
    told = " ".join(found.notes)
    for words in ("Only 1 rater", "12 judgements are still to come", "Few ratings", "Agreement between raters is not"):
        assert words in told


def test_no_estimate_is_given_where_one_system_wins_all(tmp_path):
    found = summarize(rated(made(tmp_path, Plan(items=30)), [0.0, 0.0, 90.0]).path)
    assert all(math.isnan(each.strength) for each in found.strengths)
    assert any("Bradley-Terry strengths have no estimate" in note for note in found.notes)
    plain = json.dumps(found.plain(), allow_nan=False)
    assert json.loads(plain)["strengths"][0]["strength"] is None


def test_ratings_of_another_folder_are_refused(tmp_path):
    folder = made(tmp_path, Plan(items=6))
    store = RatingStore(folder.ratings)
    store.add(1, 0, "t99999", "left")
    store.close()
    with pytest.raises(UserError, match="is not of this folder's tasks"):
        summarize(folder.path)


def test_preferences_of_a_server_are_summarised_with_a_warning(tmp_path):
    store = RatingStore(tmp_path / "preferences.sqlite")
    for number in range(40):
        answers = [("auk", "x"), ("gull", "y"), ("tern", "z")]
        store.add_preference(f"q{number}", answers, "tern" if number % 8 else "auk" if number % 3 else "tie")
    store.add_preference("q99", answers, None)
    store.close()
    found = summarize(tmp_path / "preferences.sqlite")
    assert "tern is preferred to gull." in found.claims
    assert any("nothing was blind" in note for note in found.notes)
    assert any("1 of 41 preferences were for no answer" in note for note in found.notes)


def test_the_command_line_makes_reports_and_writes_lines(tmp_path, capsys):
    rated(made(tmp_path, Plan(items=12, raters=3)), [0.0, 1.0, 2.0])
    assert run(["judge", "report", str(tmp_path / "judged"), "--jsonl", str(tmp_path / "ratings.jsonl")]) == 0
    shown = capsys.readouterr().out
    for words in ("Bradley-Terry strength", "Krippendorff's alpha, ordinal", "note: Few ratings", "Kendall's tau-b"):
        assert words in shown
    lines = [json.loads(line) for line in (tmp_path / "ratings.jsonl").read_text().splitlines()]
    assert len(lines) == 3 * 13
    assert all(line["preferred"] in (*line["systems"], "tie") for line in lines)
    assert "simulated" not in (tmp_path / "ratings.jsonl").read_text()  # codes of raters stay in the store
    assert run(["judge", "report", str(tmp_path / "judged"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["design"] == "pairs"
    systems = [str(tmp_path / f"secret-{name}.jsonl") for name in ("auk", "tern")]
    assert run(["judge", "make", *systems, "--output", str(tmp_path / "new"), "--items", "5", "--design", "scale"]) == 0
    assert "10 tasks from secret-auk, secret-tern; each of 3 raters gets 11" in capsys.readouterr().out
