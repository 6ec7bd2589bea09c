"""Several values on the command line of `train`: the study that they mean."""

import itertools
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlace.cli.application import run
from interlace.configuration.compose import compose
from interlace.configuration.locations import outputs_dir
from interlace.report.results import Runs
from interlace.studies.expansion import expand
from interlace.studies.metrics import default_metric, metrics_of
from interlace.studies.multirun import study_content, write_study
from interlace.studies.planning import plan
from interlace.studies.study import Study, load_study

SMALL = ["experiment=scenes", "data.num_train=64", "data.num_val=64", "data.num_test=64", "debug=fast"]
FUSIONS = ["concat", "gated", "sum", "attention"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(FUSIONS), min_size=2, max_size=4, unique=True),
    st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from([0.001, 0.01, 0.1]), min_size=1, max_size=3, unique=True),
)
def test_the_runs_are_the_product_of_all_values(fusions, seeds, rates):
    given = ["experiment=scenes", f"fusion={','.join(fusions)}", f"seed={','.join(map(str, seeds))}",
             f"optimizer.learning_rate={','.join(map(str, rates))}"]  # fmt: skip
    specs = expand(Study.model_validate(study_content(given)))
    found = {(spec.arm, spec.seed, spec.factors.get("optimizer.learning_rate", rates[0])) for spec in specs}
    assert found == set(itertools.product(fusions, seeds, rates))
    assert len(specs) == len(found)


@pytest.mark.parametrize(
    ("overrides", "arms", "factors", "seeds"),
    [
        (["fusion=concat,sum"], ["concat", "sum"], {}, [0]),
        (["seed=1,2,3"], ["attention"], {}, [1, 2, 3]),
        (["seed=range(1,4)", "fusion=choice(sum,concat)"], ["sum", "concat"], {}, [1, 2, 3]),
        (["fusion=glob(late_*)"], ["late_mean", "late_product", "late_weighted"], {}, [0]),
        (["optimizer.learning_rate=0.1,1e-3", "fusion=concat,sum"], ["learning_rate-0.1", "learning_rate-0.001"],
         {"fusion": ["concat", "sum"]}, [0]),
        (["modalities=[text],[text,image]"], ["modalities-text", "modalities-text-image"], {}, [0]),
        (["encoder/text=transformer,lstm", "seed=4"], ["transformer", "lstm"], {}, [4]),
    ],
)  # fmt: skip
def test_the_first_key_gives_arms_further_ones_factors(overrides, arms, factors, seeds):
    study = Study.model_validate(study_content(["experiment=scenes", *overrides]))
    assert (list(study.arms), study.factors, study.seeds) == (arms, factors, seeds)


def test_a_run_of_it_is_the_run_that_train_makes_alone(outputs):
    study = write_study([*SMALL, "fusion=concat,gated", "seed=1,2"])
    assert load_study("scenes").arms == study.arms, "it is found by its name"
    from interlace.tracking.identity import run_directory

    alone = {run_directory(compose([*SMALL, f"fusion={f}", f"seed={s}"])) for f in ("concat", "gated") for s in (1, 2)}
    assert {job.run.directory for job in plan(study)} == alone


def test_seed_model_alone_keeps_the_data_as_they_are(outputs):
    jobs = plan(write_study([*SMALL, "seed.model=1,2", "seed.data=5"]))
    assert [job.config["seed"] for job in jobs] == [{"model": 1, "data": 5}, {"model": 2, "data": 5}]
    for job in jobs:
        again = compose([text for text in job.run.overrides if not text.startswith(("study=", "arm="))])
        assert again["seed"] == job.config["seed"], "the overrides that a run records give the same seeds"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["fusion=concat"], "no key has several values"),
        (["fusion=concat,sum", "arm=x"], "leave out arm="),
        (["seed.data=1,2"], "seed.model=1,2 for one seed of the data"),
        (["seed=1,2", "seed.model=3"], "for model and data together"),
        (["fusion=concat,atention"], "did you mean 'attention'"),
        (["optimizer.learning_rate=interval(0,1)"], "an interval has infinitely many values"),
        (["fusion=concat,sum", "fusion=gated,early"], "several values twice"),
        (["fusion=concat,sum", "trainning.x=1"], "no such key"),
    ],
)
def test_what_no_study_can_vary_is_refused_in_one_line(overrides, expected, outputs, capsys):
    assert run(["train", "-m", *SMALL, *overrides]) == 2
    error = capsys.readouterr().err.strip()
    assert re.search(expected, error), error
    assert "\n" not in error
    assert not list(outputs.rglob("config.yaml"))


def test_jobs_belongs_to_several_runs(capsys):
    assert run(["train", *SMALL, "--jobs", "2"]) == 2
    assert "give -m" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({"best": {"metric": "val/f1"}, "metrics": {"test/f1": 0, "test/accuracy": 0}}, "test/f1"),
        ({"best": {"metric": "val/f1"}, "metrics": {"test/loss": 0, "test/accuracy": 0}}, "test/accuracy"),
        ({"best": {"metric": "val/loss"}, "metrics": {"test/loss": 0, "test/mae": 0}}, "test/loss"),
        ({"metrics": {"test/cosine": 0, "val/loss": 0}}, "test/cosine"),
        ({"metrics": {}}, None),
    ],
)
def test_the_metric_of_runs_is_that_of_their_best_checkpoint(results, expected):
    assert default_metric(results) == expected


def test_without_a_finished_run_the_metric_is_one_that_every_run_has():
    content = study_content(["experiment=scenes", "fusion=concat,sum"])
    assert metrics_of(Study.model_validate(content), Runs([], [])) == {"test/loss": "min"}
    named = Study.model_validate({**content, "metrics": {"test/f1": "max"}})
    assert metrics_of(named, Runs([], [])) == {"test/f1": "max"}


@pytest.mark.slow
def test_several_runs_from_one_line_are_planned_run_and_reported(outputs, capsys):
    assert run(["train", "-m", *SMALL, "fusion=concat,sum", "seed=1,2", "--jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert "4 runs = 2 arms x 2 seeds; 4 to do" in told
    summary = json.loads((outputs / "scenes" / "report" / "summary.json").read_text(encoding="utf-8"))
    assert {arm: each["test/accuracy"]["n"] for arm, each in summary.items()} == {"concat": 2, "sum": 2}
    results = [json.loads(path.read_text()) for path in outputs_dir().glob("scenes/*/seed-*/results.json")]
    assert len(results) == 4
    for each in results:
        assert each["best"]["metric"] == "val/accuracy"
        assert each["best"]["value"] == each["metrics"]["val/accuracy"]
        assert (each["best"]["step"], each["best"]["epoch"]) == (1, 1)
    before = {path: path.stat().st_mtime_ns for path in outputs.rglob("results.json")}
    assert run(["train", *SMALL, "fusion=sum", "seed=2"]) == 0
    assert {path: path.stat().st_mtime_ns for path in outputs.rglob("results.json")} == before
