"""`interlace study init`: a study file that runs, for each kind of data."""

import json
import re

import pytest
import yaml

from interlace.cli.application import run
from interlace.configuration.names import choices
from interlace.studies.planning import plan
from interlace.studies.study import load_study


def write(tmp_path, what):
    """Forty lines of text and features that are told apart by a label of the kind `what`."""
    rows = []
    for i in range(40):
        features = [[float(i % 2), 0.5, float(i)]]
        row = {"id": str(i), "text": f"{'good' if i % 2 else 'bad'} thing {i}", "features": features}
        if what == "one":
            del row["features"]
        if what == "generation":
            row = {"features": features, "target": f"it is {'good' if i % 2 else 'bad'}"}
        else:
            row["label"] = i / 7 + 0.5 if what == "regression" else ("yes" if i % 2 else "no")
        rows.append(row)
    path = tmp_path / "my data.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def here(tmp_path, monkeypatch, outputs):
    monkeypatch.delenv("INTERLACE_PLUGINS")  # "tests" is found from the checkout alone
    monkeypatch.chdir(tmp_path)
    return tmp_path


KINDS = ["classification", "regression", "generation", "one"]


@pytest.mark.parametrize("controls", [False, True])
@pytest.mark.parametrize("what", KINDS)
def test_it_is_a_study_of_what_the_data_hold(what, controls, here, capsys):
    data = write(here, what)
    assert run(["study", "init", str(data), "--seeds", "2", *(["--controls"] if controls else [])]) == 0
    told = capsys.readouterr().out
    assert f"task: {'classification' if what == 'one' else what}" in told
    assert "interlace study run study.yaml" in told
    study = load_study("study.yaml")
    assert study.name == "my-data"
    assert study.seeds == [0, 1]
    assert len(plan(study)) == 2 * len(study.arms)
    alone = {arm for arm in study.arms if arm.endswith("_only")}
    several = what in ("classification", "regression")
    assert alone == ({"text_only", "features_only"} if controls and several else set())
    assert ("linear" in study.arms) == (controls and what != "generation")


def options(text):
    """The blocks of the file that are commented out, by their first key."""
    found, name = {}, None
    for line in text[text.index("\nseeds:") :].splitlines()[3:]:
        if (started := re.match(r"# (\w+):", line)) is not None:
            name = started[1]
        if not line.startswith("#   The first"):
            found[name] = found.get(name, "") + line.removeprefix("# ") + "\n"
    return found


@pytest.mark.parametrize("what", ["classification", "regression"])
def test_each_option_in_a_comment_is_one_that_a_study_takes(what, here):
    assert run(["study", "init", str(write(here, what)), "--controls", "--seeds", "1"]) == 0
    text = (here / "study.yaml").read_text()
    found = options(text)
    assert {"metrics", "margin", "factors", "budget", "tuning", "search", "expected"} == set(found)
    for name, block in found.items():
        (here / "more.yaml").write_text(text + block)
        study = load_study("more.yaml")
        assert getattr(study, name), name
        assert name in yaml.safe_load(text + block)
        if name in ("metrics", "factors", "margin"):
            assert plan(study)


def test_a_file_that_is_there_stays_as_it_is(here, capsys):
    (here / "study.yaml").write_text("mine")
    assert run(["study", "init", str(write(here, "one"))]) == 2
    assert "study.yaml: exists already" in capsys.readouterr().err
    assert (here / "study.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--arms", "concatt"], "did you mean 'concat'"),
        (["nowhere.jsonl"], "nowhere.jsonl"),
        (["data.taks=regression"], "did you mean 'task'"),
        (["fusion=concat"], "expected only options of the data"),
        (["--seeds", "0"], "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(arguments, expected, here, capsys):
    data = [] if arguments[0].endswith(".jsonl") else [str(write(here, "classification"))]
    assert run(["study", "init", *data, *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert expected in error
    assert "\n" not in error
    assert not (here / "study.yaml").exists()


def test_bad_lines_are_left_to_data_check(here, capsys):
    data = write(here, "classification")
    data.write_text(data.read_text() + '\n{"id": "x", "text": 3, "label": "yes"}\n')
    assert run(["study", "init", str(data)]) == 2
    assert "interlace data check" in capsys.readouterr().err
    assert not (here / "study.yaml").exists()
    assert run(["study", "init", str(data), "data.on_error=skip"]) == 0
    assert "data.on_error=skip" in load_study("study.yaml").base


def test_arms_are_those_that_are_asked_for(here):
    assert (
        run(["study", "init", str(write(here, "classification")), "--arms", "gated,sum", "--output", "a/b.yaml"]) == 0
    )
    study = load_study("a/b.yaml")
    assert list(study.arms) == ["gated", "sum"]
    assert study.baseline in study.arms
    assert set(study.arms) <= set(choices("fusion"))


@pytest.mark.slow
@pytest.mark.parametrize("what", KINDS)
def test_it_runs_at_once(what, here, capsys):
    assert run(["study", "init", str(write(here, what)), "--controls", "--seeds", "1"]) == 0
    arms = [arm for arm in load_study("study.yaml").arms if arm not in ("late_mean", "gated", "prefix")]
    few = ["trainer.max_steps=2", "trainer.min_steps_per_epoch=null", "logger=none", "trainer.threads=1"]
    assert run(["study", "run", "study.yaml", "--jobs", "1", "--arms", ",".join(arms), *few]) == 0
    summary = json.loads((here / "outputs" / "my-data" / "report" / "summary.json").read_text())
    expected = {"classification": "test/accuracy", "one": "test/accuracy"}.get(what, "test/loss")
    assert {arm: next(iter(metrics)) for arm, metrics in summary.items()} == dict.fromkeys(arms, expected)
