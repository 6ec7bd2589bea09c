"""Rows with tiny commands in place of real ones: turns, ratios, what is missing, what fails."""

import dataclasses
import sys
from pathlib import Path

import pytest

from interlace.bench.rows import Command, Row, concluded, run_row

REPORT = """
import json, pathlib, sys
log = pathlib.Path(sys.argv[1]); name = sys.argv[2]
calls = log.read_text().split() if log.exists() else []
log.write_text(" ".join([*calls, name]))
values = json.loads(sys.argv[3])
value = values[min(calls.count(name), len(values) - 1)]
print("interlace-bench-figures " + json.dumps({"value": value, "half": value / 2}))
"""


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "log"


def fake(log: Path, name: str, values: list[float], **changes) -> Command:
    arguments = (sys.executable, "-c", REPORT, str(log), name.replace(" ", "-"), str(values))
    return Command(**{"arguments": arguments, "readings": {name: "value"}, **changes})


def row(*commands: Command, ours=("ours",), peers=("peer",), **changes) -> Row:
    given = {"name": "toy", "title": "toy", "unit": "tokens/s", "larger_is_better": True, "target": 2.0}
    return Row(**{**given, "ours": ours, "peers": peers, "commands": commands, **changes})


def run(given: Row, tmp_path: Path, repeats: int = 1, **changes):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    told: list[str] = []
    outcome = run_row(given, repeats=repeats, environment={}, scratch=scratch, tell=told.append, **changes)
    assert not list(scratch.iterdir()), "scratch folders are taken away"
    return outcome, told


def test_sides_take_turns_and_the_ratio_is_taken_in_each_repeat(tmp_path, log):
    given = row(fake(log, "peer", [10, 20, 40]), fake(log, "ours", [30, 40, 100]))
    outcome, told = run(given, tmp_path, repeats=3)
    assert log.read_text().split() == ["peer", "ours"] * 3
    assert told[0] == "toy: peer (1 of 3)"
    assert outcome.ratios == [3.0, 2.0, 2.5]
    assert outcome.ratio == 2.5
    assert outcome.reached is True


def test_of_times_the_smaller_is_the_faster(tmp_path, log):
    given = row(fake(log, "peer", [8.0]), fake(log, "ours", [5.0]), larger_is_better=False)
    outcome, _ = run(given, tmp_path)
    assert outcome.ratios == [1.6]
    assert outcome.reached is False


def test_bounds_are_judged_by_the_median_and_all_have_to_hold(tmp_path, log):
    both = ("linear", "other")
    commands = [fake(log, "linear", [1.0, 1.3, 1.01]), fake(log, "other", [2.0])]
    given = row(*commands, ours=both, peers=(), target=None, at_most={"linear": 1.02})
    found, _ = run(given, tmp_path, repeats=3)
    assert found.ratios == []
    assert [found.held(contender) for contender in found.contenders] == [True, None]
    assert found.reached is True
    for least, held in (({"linear": 1.0}, True), ({"linear": 1.02}, False)):
        changed = concluded(dataclasses.replace(given, at_most={}, at_least=least), found.contenders)
        assert changed.reached is held
    for bounds, held in (({"linear": 1.0}, False), ({"linear": 1.02, "other": 1.0}, False), ({}, None)):
        changed = concluded(dataclasses.replace(given, at_most=bounds), found.contenders)
        assert changed.reached is held


def test_a_target_and_a_bound_are_both_asked_for(tmp_path, log):
    given = row(fake(log, "peer", [100.0]), fake(log, "ours", [250.0]), at_most={"ours": 200.0})
    found, _ = run(given, tmp_path)
    assert found.ratio == 2.5
    assert found.reached is False, "the ratio is, the bound is not"


@pytest.mark.parametrize(("larger", "best"), [(True, "slow at first"), (False, "fast at first")])
def test_the_best_peer_by_its_median_is_compared(tmp_path, log, larger, best):
    peers = ("fast at first", "slow at first")
    commands = (fake(log, peers[0], [90, 10, 10]), fake(log, peers[1], [1, 20, 20]), fake(log, "ours", [20]))
    outcome, _ = run(row(*commands, peers=peers, larger_is_better=larger), tmp_path, repeats=3)
    assert outcome.peer.label == best


def test_a_named_peer_is_compared_though_another_is_better(tmp_path, log):
    commands = (fake(log, "first", [10]), fake(log, "second", [50]), fake(log, "ours", [30]))
    outcome, _ = run(row(*commands, peers=("first", "second"), against="first"), tmp_path)
    assert (outcome.peer.label, outcome.ratio) == ("first", 3.0)


def test_the_best_of_ours_is_compared(tmp_path, log):
    commands = (fake(log, "peer", [10]), fake(log, "fp32", [15]), fake(log, "bf16", [25]))
    outcome, _ = run(row(*commands, ours=("fp32", "bf16")), tmp_path)
    assert (outcome.ours.label, outcome.ratio) == ("bf16", 2.5)


def test_one_command_may_measure_both_sides(tmp_path, log):
    both = fake(log, "both", [10], readings={"peer": "half", "ours": "value"})
    outcome, _ = run(row(both), tmp_path)
    assert outcome.ratio == 2.0
    assert log.read_text().split() == ["both"]


def test_a_command_may_report_several_values_of_each_side(tmp_path):
    code = 'print(\'interlace-bench-figures {"a": [10, 20, 30], "b": [30, 40, 75], "c": [], "d": [1, "x"]}\')'
    command = Command((sys.executable, "-c", code), {"peer": "a", "ours": "b"})
    outcome, _ = run(row(command), tmp_path, repeats=2)
    assert outcome.ratios == [3.0, 2.0, 2.5] * 2
    assert outcome.ratio == 2.5
    assert len(outcome.ours.peak_memory_mb) == 2, "of the command"
    (tmp_path / "scratch").rmdir()
    outcome, _ = run(row(dataclasses.replace(command, readings={"peer": "c", "ours": "d"})), tmp_path)
    assert outcome.ours is None
    assert {contender.reason for contender in outcome.contenders} == {"it did not report c, d"}


def test_results_that_differ_are_a_failure(tmp_path, log):
    commands = (fake(log, "peer", [10, 12]), fake(log, "ours", [10, 12]))
    outcome, _ = run(row(*commands, agree_on="half"), tmp_path)
    assert not outcome.failed
    assert outcome.ratio == 1.0
    (tmp_path / "scratch").rmdir()
    outcome, _ = run(row(*commands, fake(log, "other", [10, 13]), peers=("peer", "other"), agree_on="half"), tmp_path)
    assert outcome.failed
    assert outcome.ratio is None
    assert outcome.contenders[0].reason == "the results differ in half: peer has 6.0; ours has 6.0; other has 5.0"


def test_wall_time_can_be_the_figure(tmp_path, log):
    command = Command((sys.executable, "-c", "import time; time.sleep(0.3)"), {"ours": "seconds"})
    outcome, _ = run(row(command, peers=(), larger_is_better=False, target=None), tmp_path)
    assert outcome.ours.values[0] >= 0.3
    assert outcome.ratio is None
    assert outcome.reached is None


def test_a_peer_that_is_missing_is_named_and_ours_runs(tmp_path, log):
    given = row(fake(log, "peer", [10], missing="needs x: pip install x"), fake(log, "ours", [30]))
    outcome, _ = run(given, tmp_path, repeats=2)
    peer, ours = outcome.contenders
    assert (peer.status, peer.reason, peer.values) == ("not run", "needs x: pip install x", [])
    assert ours.values == [30, 30]
    assert outcome.ratio is None
    assert outcome.reached is None
    assert not outcome.failed


def test_a_command_that_fails_is_not_run_again_and_the_others_go_on(tmp_path, log):
    broken = Command((sys.executable, "-c", "raise SystemExit('broken')"), {"peer": "value"})
    outcome, told = run(row(broken, fake(log, "ours", [30])), tmp_path, repeats=3)
    assert outcome.failed
    assert outcome.contenders[0].reason == "exit code 1: broken"
    assert sum("peer" in sentence for sentence in told) == 1
    assert outcome.contenders[1].values == [30, 30, 30]
    assert outcome.ratio is None


def test_a_side_that_fails_later_gives_no_ratio(tmp_path, log):
    once = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); sys.exit(1) if p.exists() else p.write_text('')"
    code = once + "; print('interlace-bench-figures {\"value\": 5}')"
    flaky = Command((sys.executable, "-c", code, str(tmp_path / "flag")), {"peer": "value"})
    outcome, _ = run(row(flaky, fake(log, "ours", [30])), tmp_path, repeats=2)
    assert outcome.failed
    assert outcome.peer is None
    assert outcome.ratio is None


def test_a_command_without_its_figure_has_failed(tmp_path, log):
    outcome, _ = run(row(fake(log, "ours", [1], readings={"ours": "absent"}), peers=()), tmp_path)
    assert outcome.contenders[0].reason == "it did not report absent"


def test_each_call_has_a_new_empty_folder(tmp_path):
    code = "import os, sys; assert not os.listdir(sys.argv[1]); open(sys.argv[1] + '/file', 'w')"
    command = Command((sys.executable, "-c", code, "{scratch}"), {"ours": "seconds"})
    outcome, _ = run(row(command, peers=()), tmp_path, repeats=2)
    assert not outcome.failed


def test_memory_is_kept_for_each_contender(tmp_path, log):
    big = "held = b'x' * (150 << 20); print('interlace-bench-figures {\"value\": 1}')"
    command = Command((sys.executable, "-c", big), {"peer": "value"})
    outcome, _ = run(row(command, fake(log, "ours", [2])), tmp_path)
    peer, ours = outcome.contenders
    assert 150 < peer.peak_memory_mb[0] < 250
    assert ours.peak_memory_mb[0] < 60
