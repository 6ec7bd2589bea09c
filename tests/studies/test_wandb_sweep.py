"""A study's sweep file: what it varies, how it ranks, and the command that its trials are."""

import pytest

from interlace.errors import UserError
from interlace.studies.study import Study
from interlace.studies.wandb_sweep import sweep_file, sweep_parameters

STUDY = {
    "name": "toy",
    "question": "which?",
    "base": ["experiment=scenes", "trainer.max_epochs=1"],
    "arms": {"summed": ["fusion=sum"], "joined": ["fusion=concat"]},
    "seeds": [0, 1],
    "metrics": {"test/accuracy": "max", "test/loss": "min"},
}


def study(**changed):
    return Study.model_validate(STUDY | changed)


def test_arms_factors_and_seeds_are_a_grid():
    content = sweep_file(study(factors={"optimizer.learning_rate": [0.1, 0.2], "data.num_train": [64]}))
    assert content["method"] == "grid"
    assert content["parameters"] == {
        "fusion": {"values": ["sum", "concat"]},
        "optimizer.learning_rate": {"values": [0.1, 0.2]},
        "data.num_train": {"values": [64]},
        "seed": {"values": [0, 1]},
    }
    assert content["metric"] == {"name": "val/accuracy", "goal": "maximize"}
    assert content["command"] == [
        "${env}", "interlace", "train", "experiment=scenes", "trainer.max_epochs=1", "study=toy",
        "${args_no_hyphens}",
    ]  # fmt: skip
    assert "run_cap" not in content


def test_one_arm_is_fixed_and_levels_of_one_option_are_values():
    arms = {"summed": ["fusion=sum", "fusion.dim=8"], "joined": ["fusion=concat"]}
    content = sweep_file(
        study(arms=arms, factors={"level": {"easy": ["data.level=1"], "hard": ["data.level=3"]}}),
        arm="summed",
        overrides=["trainer.threads=1"],
    )
    assert content["parameters"] == {"data.level": {"values": ["1", "3"]}, "seed": {"values": [0, 1]}}
    assert content["command"][3:-1] == [
        "experiment=scenes", "trainer.max_epochs=1", "fusion=sum", "fusion.dim=8", "arm=summed", "trainer.threads=1",
        "study=toy",
    ]  # fmt: skip


def test_tuning_is_the_space_and_never_the_studys_seeds():
    tuning = {"trials": 3, "space": {"optimizer.learning_rate": [0.1, 0.2, 0.3]}, "seeds": [1000], "metric": "val/loss"}
    content = sweep_file(study(tuning=tuning), min_steps=4)
    assert content["method"] == "random"
    assert content["parameters"]["optimizer.learning_rate"] == {"values": [0.1, 0.2, 0.3]}
    assert content["metric"] == {"name": "val/loss", "goal": "minimize"}
    assert content["run_cap"] == 3
    assert content["early_terminate"] == {"type": "hyperband", "min_iter": 4, "eta": 3}
    assert "seed=1000" in content["command"]


def test_spaces():
    space = {
        "a.rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "a.width": {"low": 8, "high": 64},
        "a.big": {"low": 8, "high": 512, "log": True},
        "a.drop": {"low": 0.0, "high": 0.5, "step": 0.1},
        "a.step": {"low": 0, "high": 8, "step": 2},
        "a.free": {"low": 0.0, "high": 1.0},
        "a.which": ["x", None, True, [1, 2], "two words"],
    }
    assert sweep_parameters(space, "bayes") == {
        "a.rate": {"min": 1e-4, "max": 1e-1, "distribution": "log_uniform_values"},
        "a.width": {"min": 8, "max": 64, "distribution": "int_uniform"},
        "a.big": {"min": 8, "max": 512, "distribution": "q_log_uniform_values", "q": 1},
        "a.drop": {"min": 0.0, "max": 0.5, "distribution": "q_uniform", "q": 0.1},
        "a.step": {"min": 0, "max": 8, "distribution": "q_uniform", "q": 2},
        "a.free": {"min": 0.0, "max": 1.0, "distribution": "uniform"},
        "a.which": {"values": ["x", "null", "true", "[1, 2]", '"two words"']},
    }


@pytest.mark.parametrize(
    ("changed", "asked", "expected"),
    [
        ({"arms": {"a": ["fusion=sum", "fusion.dim=8"], "b": ["fusion=sum"]}}, {}, "--arm"),
        ({}, {"metric": "test/accuracy"}, "test data must not be used"),
        ({}, {"method": "random"}, "--trials"),
        ({"factors": [{"fusion.dim": 8}], "mode": "list"}, {}, "grid of factors"),
    ],
)
def test_what_a_sweep_cannot_hold_is_said(changed, asked, expected):
    with pytest.raises(UserError, match=expected):
        sweep_file(study(**changed), **asked)


@pytest.mark.parametrize(
    ("values", "method", "expected"),
    [
        ({"low": 1, "high": 2}, "grid", "needs a list"),
        ({"low": 2, "high": 1}, "random", "low < high"),
        ({"low": 0, "high": 1, "log": True}, "random", "above 0"),
        ({"low": 1, "high": 9, "log": True, "step": 2}, "random", "do not go together"),
        ("x", "grid", "a list of values"),
        ({"low": 1, "high": 2, "odd": 3}, "bayes", "a list of values"),
    ],
)
def test_bad_spaces_are_said(values, method, expected):
    with pytest.raises(UserError, match=expected):
        sweep_parameters({"a.b": values}, method)
