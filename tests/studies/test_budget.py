"""Arms of the same cost, solved on the models that are really built."""

import json

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import interlace
from interlace import assembly
from interlace.assembly import assemble
from interlace.errors import UserError
from interlace.nn.costs import count_parameters
from interlace.studies.planning import plan
from interlace.studies.study import Study, load_study, select

BASE = [
    "experiment=interactions", "data.num_train=200", "data.num_val=50", "data.num_test=50", "logger=none",
    "trainer.threads=1", "trainer.max_epochs=1",
]  # fmt: skip
ARMS = {
    "attention": ["fusion=attention"],
    "concat": ["fusion=concat"],
    "low_rank": ["fusion=low_rank"],
    "x1": ["fusion=single", "modalities=[x1]"],
}


FINE = {"fusion.num_heads": [2, 1]}  # heads in fours make steps of the width that are too coarse for 2%


def study(**changes):
    given = {"name": "toy", "question": "?", "base": BASE, "arms": ARMS, "controls": ["x1"], "seeds": [0, 1]}
    return Study(**{**given, "metrics": {"test/accuracy": "max"}, **changes})


def first(jobs):
    return {job.run.cell: job for job in reversed(jobs)}


def test_what_is_solved_is_what_the_run_reports(tmp_path):
    jobs = first(plan(study(budget={"parameters": 60_000, "fine": FINE}), outputs=tmp_path))
    assert {arm for arm, job in jobs.items() if job.match} == {"attention", "concat", "low_rank"}
    for arm in ("attention", "concat"):
        job = jobs[arm]
        assert abs(job.match.parameters / 60_000 - 1) <= 0.02
        # A run reproduced from its overrides is the planned one, and costs what was planned.
        config = interlace.compose(job.run.overrides)
        assert config == {**job.config, "factors": {}}
        assert f"fusion.dim={job.match.values['fusion.dim']}" in job.run.overrides
        results = interlace.train(config, outputs=tmp_path, quiet=True).results
        assert results["num_parameters"] == job.match.parameters
        assert results["flops_per_example"] == job.match.flops
    node = jobs["attention"].config["fusion"]
    assert node["num_heads"] in (1, 2, 4)
    assert node["dim"] % node["num_heads"] == 0
    assert jobs["x1"].chosen == {}
    assert jobs["concat"].config["encoder"] == jobs["attention"].config["encoder"]


GROUPED = [*BASE, "data.mixture.synergy=0.5", "data.mixture.unique_1=0.5"]
SWITCHES = {
    "control": [[], ["control=duplicated", "control.modality=x1"], ["control=shuffled", "control.modality=x2"]],
    "multitask": [[], ["multitask=labels", "multitask.labels={source: classification}"]],
    "missing": [[], ["missing_data=rates", "missing_data.train=0.3"]],
    "missing_modality": [[], ["missing_modality=modality_dropout"], ["missing_modality=dropout_and_token"]],
    "auxiliary": [[], ["auxiliary=unimodal_heads"], ["auxiliary=unimodal_heads", "loss_weighting=uncertainty"]],
    "alignment": [[], ["alignment=contrastive", "alignment.dim=24"]],
    "data": [[], ["data.dim=9"]],
    "fusion": [["fusion=concat"], ["fusion=sum"], ["fusion=low_rank"]],
}
DRAWN = st.tuples(*map(st.sampled_from, SWITCHES.values()))


# Without shrinking, which takes minutes where each example builds models.
@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(arms=st.lists(DRAWN, min_size=2, max_size=3, unique_by=repr), scope=st.sampled_from(["total", "fusion"]))
def test_every_arm_costs_what_its_plan_promised(tmp_path_factory, arms, scope):
    """Whatever an arm switches on: the sizes are those of the model that its run builds, and the run holds to them."""
    named = {f"arm{i}": [text for texts in arm for text in texts] for i, arm in enumerate(arms)}
    budget = {"parameters": 60_000, "scope": scope}
    outputs = tmp_path_factory.mktemp("budget")
    jobs = plan(study(base=GROUPED, arms=named, controls=[], seeds=[0], budget=budget), outputs=outputs)
    for job in jobs:
        experiment = assemble(job.config)
        task = experiment.build_task()
        assert count_parameters(task.model)[0] == job.match.parameters
        assert experiment.costs(task)["flops_per_example"] == job.match.flops
        experiment.check_budget(task)
        experiment.config = {**job.config, "budget": {**job.config["budget"], "target": 62_000}}
        with pytest.raises(UserError, match=r"should have 62,000 within 2% \(-"):
            experiment.check_budget(task)


def test_a_run_whose_model_misses_its_budget_is_refused(tmp_path):
    job = first(plan(study(budget={"flops": 30_000, "arms": ["concat"]}), outputs=tmp_path))["concat"]
    config = interlace.compose([*job.run.overrides, "encoder.features.dim=80"])
    with pytest.raises(UserError, match=r"FLOPs an example and should have 30,000 within 5% \(\+.*remove budget\.json"):
        interlace.train(config, outputs=tmp_path, quiet=True)
    carried = "budget={cost:flops,scope:total,target:30000,tolerance:0.05}"
    linear = interlace.compose([*BASE, "model=linear", "fusion=null", carried])
    with pytest.raises(UserError, match="budget: only runs with encoders"):
        interlace.train(linear, outputs=tmp_path, quiet=True)


def test_an_arm_may_set_the_budget_and_its_own_option(tmp_path):
    budget = {"flops": "attention", "tolerance": "5%", "scope": "fusion", "widths": {"low_rank": "fusion.rank"}}
    jobs = first(plan(study(budget=budget), outputs=tmp_path))
    assert jobs["attention"].match is None
    assert set(jobs["low_rank"].chosen) == {"fusion.rank"}
    found = json.loads((tmp_path / "toy" / "budget.json").read_text())
    assert len(found) == 2
    alone = select(study(budget=budget), arms=["concat"], seeds=[0])  # the arm that sets the budget is not run
    again = plan(alone, outputs=tmp_path)[0]
    assert again.run.directory == jobs["concat"].run.directory


def test_encoders_do_not_count_where_the_fusion_alone_is_matched(tmp_path):
    total = first(plan(study(budget={"parameters": 20_000, "arms": ["concat"]}), outputs=tmp_path))["concat"]
    fusion = first(plan(study(budget={"parameters": 20_000, "scope": "fusion", "arms": ["concat"]}), outputs=tmp_path))[
        "concat"
    ]
    encoders = 2 * (2 * 16 + 16 * 64 + 64 + 64 * 64 + 64)
    assert fusion.match.parameters - total.match.parameters == pytest.approx(encoders, abs=800)


def test_a_plan_that_was_solved_builds_nothing(tmp_path, monkeypatch):
    given = study(budget={"parameters": 60_000, "fine": FINE})
    before = [job.run.directory for job in plan(given, outputs=tmp_path)]
    monkeypatch.setattr(assembly, "build_data", None)
    assert [job.run.directory for job in plan(given, outputs=tmp_path)] == before
    with pytest.raises(TypeError):  # another budget is another question
        plan(study(budget={"parameters": 61_000, "fine": FINE}), outputs=tmp_path)


def test_what_cannot_be_reached_says_what_can(tmp_path):
    expected = (
        r"budget, attention: 31,000 parameters within 0.1% cannot be reached; the nearest is fusion\.dim=\d+ with "
        r"[\d,]+ \([+-]\d.*budget\.fine \(such as fusion\.num_heads: \[2, 1\]\)"
    )
    with pytest.raises(UserError, match=expected):
        plan(study(budget={"parameters": 31_000, "tolerance": 0.001, "arms": ["attention"]}), outputs=tmp_path)
    with pytest.raises(UserError, match=r"fusion\.dim=4 with"):  # the least there is
        plan(study(budget={"parameters": 100, "arms": ["attention"]}), outputs=tmp_path)
    jobs = first(plan(study(budget={"parameters": 30_000, "fine": FINE, "arms": ["attention"]}), outputs=tmp_path))
    assert abs(jobs["attention"].match.parameters / 30_000 - 1) <= 0.02
    majority = study(arms={"x1": ["fusion=majority"]}, budget={"parameters": 30_000, "arms": ["x1"]})
    with pytest.raises(UserError, match=r"x1: fusion\.dim does not change the cost"):
        plan(majority, outputs=tmp_path)


def test_each_factor_value_has_a_width_of_its_own(tmp_path):
    given = study(factors={"encoder.features.dim": [16, 64]}, budget={"parameters": 30_000, "arms": ["concat"]})
    jobs = first(plan(given, outputs=tmp_path))
    widths = [jobs[f"concat [encoder.features.dim={dim}]"].config["fusion"]["dim"] for dim in (16, 64)]
    assert widths[0] > widths[1]


def test_the_option_that_is_solved_for_may_not_be_given(tmp_path):
    with pytest.raises(UserError, match=r"its budget solves for fusion\.dim"):
        plan(study(budget={"parameters": 60_000, "fine": FINE}), ["fusion.dim=8"], outputs=tmp_path)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ("{parameters: 5, flops: 6}", "either parameters or flops"),
        ("{parameters: 5, width: encoder.text.dim}", "encoders are not changed"),
        ("{parameters: tow}", "no arm 'tow'; did you mean 'two'"),
        ("{parameter: 5}", "budget.parameter: no such key; did you mean 'parameters'"),
        ("{parameters: 5, tolerance: 150%}", "budget.tolerance"),
    ],
)
def test_bad_budgets_are_refused_in_one_sentence(tmp_path, budget, expected):
    text = f"""
name: toy
question: which?
base: []
arms: {{two: [fusion=concat]}}
seeds: [0]
metrics: {{test/accuracy: max}}
budget: {budget}
"""
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(UserError, match=expected) as caught:
        load_study(str(tmp_path))
    assert "\n" not in str(caught.value)
