import gc
import os
import random
import signal
import time

import pytest
from optuna.trial import TrialState

import interlace.training
from interlace.errors import UserError
from interlace.studies.sweep import driver as drivers
from interlace.studies.sweep.trial_store import is_claimed, journal_path, read_trials
from interlace.tracking.status import read_status

from . import stubs

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(drivers, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr("interlace.studies.driver.POLL_SECONDS", 0.02)
    monkeypatch.setattr(interlace.training, "make", stubs.stub_make(stubs.quadratic))
    gc.freeze()  # forked workers collect after each run; what the test session holds is not looked through each time
    yield
    gc.unfreeze()


def trials(outputs, arm="arm"):
    return read_trials(outputs / "stub", [arm])[arm]


def best(found):
    return max(trial.value for trial in found if trial.value is not None)


def start(outputs, search, **options):
    process = stubs.CONTEXT.Process(target=stubs.drive, args=(outputs, search), kwargs=options)
    process.start()
    return process


def test_as_many_trials_as_asked_for_and_their_figures(outputs):
    stubs.drive(outputs, stubs.search_of(trials=5))
    found = trials(outputs)
    assert [trial.number for trial in found] == [0, 1, 2, 3, 4]
    assert {trial.state for trial in found} == {TrialState.COMPLETE}
    for trial in found:
        assert trial.value == pytest.approx(stubs.quadratic(trial.params)["val/score"])
        assert trial.intermediate_values[3] == pytest.approx(trial.value)
    driver = stubs.drive(outputs, stubs.search_of(trials=5))
    assert not driver.endings
    stubs.drive(outputs, stubs.search_of(trials=7))
    assert len(trials(outputs)) == 7
    assert [trial.params for trial in trials(outputs)[:5]] == [trial.params for trial in found]


def test_exactly_as_many_under_random_kills(outputs, monkeypatch):
    """Two drivers of two runs at a time, one of which is killed with SIGKILL again and again, at any moment."""
    monkeypatch.setattr(interlace.training, "make", stubs.stub_make(stubs.quadratic, seconds=0.004))
    search, draw = stubs.search_of(trials=24, sampler="tpe"), random.Random(0)
    running = [start(outputs, search, parallel=2) for _ in range(2)]
    kills = 0
    deadline = time.monotonic() + 60
    while kills < 8 and any(process.is_alive() for process in running) and time.monotonic() < deadline:
        time.sleep(draw.uniform(0.01, 0.25))
        place = draw.randrange(2)
        kills += running[place].is_alive()
        running[place].kill()
        running[place].join()
        running[place] = start(outputs, search, parallel=2)
    for process in running:
        process.join(60)
        assert process.exitcode == 0
    found = trials(outputs)
    assert kills >= 3
    assert [trial.number for trial in found] == list(range(24))
    assert {trial.state for trial in found} == {TrialState.COMPLETE}
    assert len({str(trial.params) for trial in found}) == 24
    directories = list((outputs / "stub").glob("arm-*/seed-1000"))
    assert len(directories) == 24
    assert all((path / "epochs.txt").read_text() == "xxx" for path in directories), "an epoch was made twice"
    assert not any(is_claimed(outputs / "stub", "arm", number) for number in range(24))


def test_two_drivers_share_the_trials(outputs, monkeypatch):
    monkeypatch.setattr(interlace.training, "make", stubs.stub_make(stubs.quadratic, seconds=0.01))
    search = stubs.search_of(trials=12)
    both = [start(outputs, search) for _ in range(2)]
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert [trial.number for trial in trials(outputs)] == list(range(12))
    assert len(list((outputs / "stub").glob("arm-*"))) == 12


def test_a_killed_trial_goes_on_in_its_directory(outputs, monkeypatch):
    monkeypatch.setattr(interlace.training, "make", stubs.stub_make(stubs.quadratic, seconds=0.15))
    search = stubs.search_of(trials=1)
    process = start(outputs, search)
    until = time.monotonic() + 30
    while not list(outputs.rglob("epochs.txt")) and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.join()
    (directory,) = (outputs / "stub").glob("arm-*/seed-1000")
    assert [trial.state for trial in trials(outputs)] == [TrialState.RUNNING]
    drawn = trials(outputs)[0].params
    stubs.drive(outputs, search)
    (trial,) = trials(outputs)
    assert trial.params == drawn
    assert trial.state == TrialState.COMPLETE
    assert list((outputs / "stub").glob("arm-*/seed-1000")) == [directory]
    assert (directory / "epochs.txt").read_text() == "xxx"


def test_two_drivers_whose_runs_are_killed_do_not_wait_for_each_other(outputs, monkeypatch):
    def killed(config, directory, **options):
        time.sleep(0.2)  # so that both take some
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(interlace.training, "make", killed)
    drivers = [stubs.CONTEXT.Process(target=stubs.drive, args=(outputs, stubs.search_of(trials=4))) for _ in range(2)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join(timeout=60)
    ended = [driver.exitcode for driver in drivers]
    for driver in drivers:
        driver.kill()
    assert ended == [0, 0]
    assert {trial.state for trial in trials(outputs)} == {TrialState.RUNNING}


def test_a_run_that_is_killed_is_left_for_the_next_driver(outputs, monkeypatch):
    def killed(config, directory, **options):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(interlace.training, "make", killed)
    driver = stubs.drive(outputs, stubs.search_of(trials=2))
    assert [ending.state for ending in driver.endings] == ["interrupted", "interrupted"]
    assert "SIGKILL" in driver.endings[0].reason
    assert {trial.state for trial in trials(outputs)} == {TrialState.RUNNING}
    monkeypatch.setattr(interlace.training, "make", stubs.stub_make(stubs.quadratic))
    stubs.drive(outputs, stubs.search_of(trials=2))
    assert [trial.state for trial in trials(outputs)] == [TrialState.COMPLETE] * 2


def test_failed_trials_count_and_say_why(outputs, monkeypatch):
    def figures(options):
        if options["x"] < 0:
            return {"val/score": float("nan")}
        return stubs.quadratic(options)

    monkeypatch.setattr(interlace.training, "make", stubs.stub_make(figures))
    stubs.drive(outputs, stubs.search_of(trials=8))
    for trial in trials(outputs):
        assert (trial.state == TrialState.FAIL) == (trial.params["x"] < 0)
        assert trial.state == TrialState.COMPLETE or trial.user_attrs["error"] == "val/score is not a finite number"
    assert len({trial.state for trial in trials(outputs)}) == 2


def test_a_grid_is_visited_once_each(outputs):
    space = {"x": [0.1, 0.2, 0.3], "y": {"low": -0.4, "high": 0.0, "step": 0.2}}
    with pytest.raises(ValueError, match="the grid has 9 points"):
        stubs.search_of(sampler="grid", space=space, trials=10)
    stubs.drive(outputs, stubs.search_of(sampler="grid", space=space, trials=4))
    stubs.drive(outputs, stubs.search_of(sampler="grid", space=space, trials=9), parallel=3)
    points = {(t.params["x"], round(t.params["y"], 6)) for t in trials(outputs)}
    assert points == {(x, y) for x in (0.1, 0.2, 0.3) for y in (-0.4, -0.2, 0.0)}
    assert best(trials(outputs)) == pytest.approx(0.0)


def test_the_same_options_are_made_once(outputs):
    stubs.drive(outputs, stubs.search_of(space={"x": [0.1, 0.2], "y": [0.0]}, trials=6))
    assert len(trials(outputs)) == 6
    assert all(len(t.intermediate_values) in (0, 3) for t in trials(outputs))
    diaries = [path.read_text() for path in outputs.rglob("epochs.txt")]
    assert diaries == ["xxx"] * 2


@pytest.mark.parametrize("pruner", [{"name": "median", "startup": 2}, {"name": "hyperband", "reduction": 2}])
def test_the_pruner_stops_the_bad_ones(pruner, outputs):
    values = [0.30, 0.29, 0.9, 0.31, -0.9, 0.28]  # of x, in the order of a grid whose order is looked up below
    search = stubs.search_of(space={"x": values, "y": [-0.2]}, sampler="grid", trials=6, pruner=pruner)
    stubs.drive(outputs, search)
    found = trials(outputs)
    states = {trial.params["x"]: trial.state for trial in found}
    assert {trial.state for trial in found} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert states[-0.9] == TrialState.PRUNED
    assert states[0.30] == TrialState.COMPLETE
    pruned = [trial for trial in found if trial.state == TrialState.PRUNED]
    assert all(len(trial.intermediate_values) < 3 for trial in pruned)
    statuses = [read_status(path.parent)["status"] for path in outputs.rglob("status.json")]
    assert statuses.count("pruned") == len(pruned)
    stubs.drive(outputs, search)
    assert len(trials(outputs)) == 6


def test_the_first_seed_may_be_stopped_and_the_value_is_the_mean(outputs, monkeypatch):
    search = stubs.search_of(
        space={"x": [0.30, 0.29, 0.28, -0.9], "y": [-0.2]}, sampler="grid", trials=4, seeds=[7, 8],
        pruner={"name": "median", "startup": 1},
    )  # fmt: skip
    stubs.drive(outputs, search)
    for trial in trials(outputs):
        made = {path.parent.name for path in outputs.rglob("results.json")
                if path.parent.parent.name == trial.user_attrs["runs"][0].split("/")[0]}  # fmt: skip
        assert made == ({"seed-7", "seed-8"} if trial.state == TrialState.COMPLETE else set())
        assert len(trial.user_attrs["runs"]) == (2 if trial.state == TrialState.COMPLETE else 1)


def test_the_pareto_front_of_two_objectives(outputs, monkeypatch):
    """Score rises with x as cost does, and y only costs: the front is y = 0."""
    monkeypatch.setattr(interlace.training, "make", stubs.stub_make(lambda options: {"val/score": options["x"]}))
    search = stubs.search_of(
        space={"x": [1, 2, 3], "y": [0, 1]}, sampler="grid", trials=6,
        objectives={"val/score": "max", "num_parameters": "min"},
    )  # fmt: skip
    driver = stubs.drive(outputs, search, costs=lambda options: {"num_parameters": 10 * options["x"] + options["y"]})
    front = driver.trial_store.studies["arm"].best_trials
    assert sorted((t.params["x"], t.params["y"]) for t in front) == [(1, 0), (2, 0), (3, 0)]


def test_arms_are_searched_side_by_side(outputs):
    stubs.drive(outputs, stubs.search_of(trials=3), arms=("one", "two"))
    assert [len(trials(outputs, arm)) for arm in ("one", "two")] == [3, 3]


def test_a_metric_that_is_not_reported(outputs):
    message = r"does not report 'val/accuracy'; it has val/score"
    with pytest.raises(UserError, match=message):
        stubs.drive(outputs, stubs.search_of(objectives={"val/accuracy": "max"}))
    with pytest.raises(UserError, match=message):
        stubs.drive(outputs, stubs.search_of(objectives={"val/accuracy": "max"}, pruner="median"))
    assert journal_path(outputs / "stub").exists()
