import pytest
import yaml
from pydantic import ValidationError

from interlace.errors import UserError
from interlace.studies.search import Range, Search
from interlace.studies.study import load_study
from interlace.studies.sweep.planning import SweepPlan

STUDY = {
    "name": "small", "question": "Which?", "base": ["experiment=interactions"], "arms": {"concat": ["fusion=concat"]},
    "seeds": [0], "metrics": {"test/accuracy": "max"},
}  # fmt: skip
SEARCH = {"space": {"fusion.dim": [8, 16]}, "trials": 2, "objectives": {"val/accuracy": "max"}}


def load(tmp_path, search, **study):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**STUDY, **study, "search": {**SEARCH, **search}}))
    return load_study(str(path))


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({"space": {}}, "search.space.*at least 1"),
        ({"space": {"fusion.dim": []}}, "at least 1"),
        ({"space": {"fusion.dim": {"low": 4, "high": 4}}}, "low: got 4; expected less than high"),
        ({"space": {"fusion.dim": {"low": 0, "high": 4, "log": True}}}, "a logarithmic range starts above 0"),
        ({"space": {"fusion.dim": {"low": 1, "high": 4, "log": True, "step": 1}}}, "leave out log or step"),
        ({"space": {"fusion.dim": {"low": 1, "hihg": 4}}}, "search.space.fusion.dim"),
        ({"objectives": {"test/accuracy": "max"}}, "search.objectives.*test/accuracy"),
        ({"objectives": {"val/loss": "down"}}, "'max' or 'min'"),
        (
            {"objectives": {"val/loss": "min", "num_parameters": "min"}, "pruner": "median"},
            "with several leave the pru",
        ),
        ({"objectives": {"num_parameters": "min"}, "pruner": "median"}, "not measured while a run trains"),
        ({"sampler": "cmaes"}, "cmaes needs two or more ranges"),
        ({"sampler": "grid", "space": {"fusion.dim": {"low": 0.0, "high": 1.0}}}, "a range with a step"),
        ({"sampler": "grid", "trials": 3}, "the grid has 2 points"),
        ({"sampler": "gird"}, "search.sampler"),
        ({"seeds": [0]}, "search.seeds: a seed of the study's runs"),
        ({"arms": ["conkat"]}, "search.arms: no arm 'conkat'; did you mean 'concat'"),
        ({"samplr": "tpe"}, "search.samplr: no such key; did you mean 'sampler'"),
        ({"pruner": {"name": "median", "warm": 2}}, "search.pruner.warm: no such key; did you mean 'warmup'"),
    ],
)
def test_what_is_not_accepted_is_one_sentence(search, expected, tmp_path):
    with pytest.raises(UserError, match=expected) as caught:
        load(tmp_path, search)
    assert "\n" not in str(caught.value)


def test_a_study_with_factors_is_not_swept(tmp_path):
    with pytest.raises(UserError, match="a study with factors cannot be swept"):
        load(tmp_path, {}, factors={"fusion.dim": [1, 2]})


def test_points_of_a_grid():
    assert Range(low=2, high=8, step=3).points() == [2, 5, 8]
    assert Range(low=0, high=3).points() == [0, 1, 2, 3]
    assert Range(low=0.0, high=0.3, step=0.1).points() == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert Range(low=0.0, high=1.0).points() is None
    with pytest.raises(ValidationError):
        Range(low=0, high=4, step=0.5)


def test_lists_as_values_come_back_as_lists():
    search = Search.model_validate(
        {**SEARCH, "space": {"a.b": [[32, 64], [64], None, "x"], "c": {"low": 1, "high": 9}}}
    )
    assert search.grid()["a.b"] == ["[32, 64]", "[64]", None, "x"]
    assert search.values({"c": 3, "a.b": "[32, 64]"}) == {"a.b": [32, 64], "c": 3}
    assert search.values({"c": 3, "a.b": None}) == {"a.b": None, "c": 3}


def test_a_plan_refuses_what_cannot_be_searched(tmp_path, outputs):
    with pytest.raises(UserError, match=r"the sweep chooses fusion\.dim"):
        SweepPlan(load(tmp_path, {}), ["fusion.dim=4"])
    with pytest.raises(UserError, match=r"search of concat: .*fusion.dmi.*did you mean"):
        SweepPlan(load(tmp_path, {"space": {"fusion.dmi": [4]}}), []).open()
    with pytest.raises(UserError, match=r"trainer\.devices=1"):
        SweepPlan(load(tmp_path, {"space": {"fusion.hidden": [4]}, "pruner": "median"}), ["trainer.devices=2"]).open()
    assert not outputs.exists()
