"""Trials: as many for each arm, chosen on validation data alone."""

import json

import pytest

from interlace.errors import UserError
from interlace.studies.expansion import expand
from interlace.studies.planning import NotTunedYet, plan, plan_trials, plan_untuned
from interlace.studies.study import Study, Tuning
from interlace.studies.trials import choose, expand_trials, points
from interlace.tracking.files import write_json

SPACE = {"optimizer.learning_rate": [0.001, 0.003, 0.01], "optimizer.weight_decay": [0.0, 0.1]}
BASE = ["experiment=interactions", "data.num_train=200", "data.num_val=50", "data.num_test=50", "logger=none"]


def study(**changes):
    arms = {"concat": ["fusion=concat"], "tensor": ["fusion=tensor"]}
    tuning = {"trials": 4, "space": SPACE, "metric": "val/accuracy", "seeds": [100, 101]}
    given = {"name": "toy", "question": "?", "base": BASE, "arms": arms, "seeds": [0, 1], "tuning": tuning}
    return Study(**{**given, "metrics": {"test/accuracy": "max"}, **changes})


def finish(jobs, figure, status="done"):
    """Writes what a trial's run would: `figure(arm, number, seed)` as val/accuracy."""
    for job in jobs:
        arm, _, number = job.run.arm.rpartition(".tune-")
        value = figure(arm, int(number), job.run.seed)
        state = "failed" if value is None else status
        write_json(job.run.directory / "status.json", {"status": state})
        if value is not None:
            metrics = {"val/accuracy": value, "test/accuracy": 1.0 - value}
            write_json(job.run.directory / "results.json", {"metrics": metrics})


def test_every_arm_has_the_same_points_and_seeds_of_their_own():
    specs = expand_trials(study())
    assert len(specs) == 2 * 4 * 2
    found = {}
    for spec in specs:
        number = spec.arm.rpartition("-")[2]
        options = tuple(spec.options.items())
        found.setdefault(spec.owner, {}).setdefault((number, spec.seed), options)
    assert found["concat"] == found["tensor"]
    assert {seed for _, seed in found["concat"]} == {100, 101}
    assert len(set(found["concat"].values())) == 4
    assert len({spec.arm for spec in specs}) == 8
    assert not {spec.seed for spec in specs} & {spec.seed for spec in expand(study())}


def test_a_grid_is_every_combination_and_a_draw_is_a_function_of_its_seed():
    grid = Tuning(trials=6, space=SPACE, method="grid")
    assert points(grid)[:2] == [
        {"optimizer.learning_rate": 0.001, "optimizer.weight_decay": 0.0},
        {"optimizer.learning_rate": 0.001, "optimizer.weight_decay": 0.1},
    ]
    drawn = points(Tuning(trials=4, space=SPACE, seed=1))
    assert drawn == points(Tuning(trials=4, space=SPACE, seed=1)) != points(Tuning(trials=4, space=SPACE, seed=2))
    assert all(point in points(grid) for point in drawn)
    assert len({json.dumps(point) for point in drawn}) == 4


def test_each_arm_takes_its_best_trial(tmp_path):
    given = study()
    trials = plan_trials(given, outputs=tmp_path)
    with pytest.raises(NotTunedYet, match="0 of its 16 tuning trials are done"):
        plan(given, outputs=tmp_path)
    # concat is best in trial 2 on average over the seeds, tensor's trial 3 failed with one of them.
    means = {("concat", 2): 0.9, ("tensor", 3): 0.95, ("tensor", 4): 0.8}

    def figure(arm, number, seed):
        if (arm, number, seed) == ("tensor", 3, 101):
            return None
        return means.get((arm, number), 0.5) + (0.02 if seed == 100 else -0.02)

    finish(trials, figure)
    chosen = choose(given, [job.run for job in trials])
    assert chosen == {"concat": points(given.tuning)[1], "tensor": points(given.tuning)[3]}
    jobs = plan(given, outputs=tmp_path)
    assert len(jobs) == 4
    for job in jobs:
        rate = points(given.tuning)[1 if job.run.arm == "concat" else 3]["optimizer.learning_rate"]
        assert job.config["optimizer"]["learning_rate"] == rate
        assert f"optimizer.learning_rate={rate}" in job.run.overrides
        assert job.chosen["optimizer.learning_rate"] == rate
    untuned = plan_untuned(given, outputs=tmp_path)
    assert [job.run.cell for job in untuned] == [job.run.cell for job in jobs]


def test_the_least_loss_is_the_best_and_equals_go_to_the_first(tmp_path):
    given = study(tuning={"trials": 3, "space": {"optimizer.learning_rate": [0.1, 0.2, 0.3]}, "method": "grid"})
    trials = plan_trials(given, outputs=tmp_path)
    for job in trials:
        number = int(job.run.arm.rpartition("-")[2])
        write_json(job.run.directory / "status.json", {"status": "done"})
        write_json(job.run.directory / "results.json", {"metrics": {"val/loss": [0.7, 0.4, 0.4][number - 1]}})
    chosen = choose(given, [job.run for job in trials])
    assert chosen["concat"] == {"optimizer.learning_rate": 0.2}


def test_trials_without_a_figure(tmp_path):
    given = study()
    trials = plan_trials(given, outputs=tmp_path)
    finish(trials, lambda arm, number, seed: None if arm == "tensor" else 0.5)
    with pytest.raises(UserError, match="arm tensor: none of its 4 trials has a val/accuracy"):
        choose(given, [job.run for job in trials])
    finish(trials[:1], lambda arm, number, seed: 0.5, status="running")
    assert choose(given, [job.run for job in trials]) is None
    other = study(tuning={"trials": 1, "space": {"optimizer.learning_rate": [0.001]}, "metric": "val/acuracy"})
    finish(plan_trials(other, outputs=tmp_path), lambda arm, number, seed: 0.5)
    with pytest.raises(UserError, match="has no 'val/acuracy'; it has val/accuracy"):
        plan(other, outputs=tmp_path)


def test_a_budget_holds_in_trials_too(tmp_path):
    given = study(budget={"parameters": 40_000}, tuning={"trials": 2, "space": {"fusion.reduced_dim": [8, 16]},
                                                         "seeds": [9]}, arms={"tensor": ["fusion=tensor"]})  # fmt: skip
    trials = plan_trials(given, outputs=tmp_path)
    assert [abs(job.match.parameters / 40_000 - 1) < 0.02 for job in trials] == [True, True]
    assert trials[0].config["fusion"]["dim"] != trials[1].config["fusion"]["dim"]


@pytest.mark.parametrize(
    ("tuning", "expected"),
    [
        ({"trials": 7, "space": SPACE}, "got 7; the space has 6 points, give at most that many"),
        ({"trials": 5, "space": SPACE, "method": "grid"}, "give exactly that many"),
        ({"trials": 2, "space": SPACE, "seeds": [1]}, "must not be used for tuning"),
        ({"trials": 2, "space": SPACE, "metric": "test/accuracy"}, "pattern"),
    ],
)
def test_bad_tunings_are_refused(tuning, expected):
    with pytest.raises(ValueError, match=expected):
        study(tuning=tuning)
