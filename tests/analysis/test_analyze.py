"""The whole of `interlace analyze` on small trained runs of `interactions`, whose answers are known."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

import interlace
from interlace.analysis.encoded import EncodedModel
from interlace.analysis.explain import explain_run, is_current
from interlace.analysis.reading import read_analysis
from interlace.analysis.settings import PARTS, Settings
from interlace.analysis.subject import open_subject, sample
from interlace.assembly import build_data
from interlace.cli.application import run as command
from interlace.errors import UserError
from interlace.report.contribution import read_analyses, robustness_view
from interlace.report.example_maps import grid_shape
from interlace.report.results import PlannedRun, load_runs

pytestmark = pytest.mark.slow

SMALL = [
    "experiment=interactions", "data.num_train=1500", "data.num_val=100", "data.num_test=400", "data.dim=4",
    "logger=none", "trainer.max_epochs=6", "optimizer.learning_rate=0.01", "trainer.threads=1", "study=small",
]  # fmt: skip
FAST = ["--examples", "200", "--draws", "2", "--emap-examples", "24", "--token-examples", "4", "--bins", "8"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Finished runs by arm, in an outputs folder of their own."""
    root = tmp_path_factory.mktemp("outputs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTERLACE_OUTPUTS", str(root))
        arms = {
            "tensor": ["fusion=tensor"],
            "late_mean": ["fusion=late_mean"],
            "attention": ["fusion=attention", "trainer.max_epochs=1", "fusion.dim=8", "fusion.num_heads=2"],
            "only_x1": ["fusion=single", "modalities=[x1]", "trainer.max_epochs=1"],
        }
        return {
            arm: interlace.train(interlace.compose([*SMALL, f"arm={arm}", *overrides]))
            for arm, overrides in arms.items()
        }


@pytest.fixture(scope="module")
def analysed(runs):
    """analysis.json of each arm, by the command."""
    assert command(["analyze", *(str(run.directory) for run in runs.values()), *FAST]) == 0
    return {arm: read_analysis(run.directory) for arm, run in runs.items()}


def test_xor_is_all_interaction(analysed):
    found = analysed["tensor"]
    assert found["clean"] > 0.9
    assert found["emap"]["gap"] > 0.3
    assert 0.6 < found["emap"]["interaction"] <= 1.0  # the bits of 24 rows are skewed, so that parity has main effects
    missing = found["shapley"][0]
    assert missing["phi"]["x1"] == pytest.approx(missing["phi"]["x2"], abs=0.1)
    assert sum(missing["phi"].values()) == pytest.approx(missing["all"] - missing["none"])
    assert missing["cooperation"]["x1+x2"] > 0.3
    permuted = found["shapley"][1]
    assert sum(permuted["phi"].values()) == pytest.approx(permuted["all"] - permuted["none"])
    assert found["perceptual"]["modalities"]["x1"]["loss"] > 0.3
    bits = found["information"]["pairs"][0]["model"]
    assert bits["synergy"] > bits["redundant"] + bits["unique_1"] + bits["unique_2"]
    assert bits["synergy"] > 3 * bits["shuffled"]["synergy"]
    assert found["gain"]["best"] == "x1"
    assert found["gain"]["gain"] > 0.3
    assert found["gain"]["unimodal"]["x1"]["same_budget"] is False  # it trained for one epoch


def test_the_mean_of_logits_is_its_own_projection(analysed):
    found = analysed["late_mean"]["emap"]
    assert found["gap"] == 0.0
    assert found["interaction"] < 1e-9
    assert analysed["late_mean"]["attention"]["weights"] == pytest.approx({"x1": 0.5, "x2": 0.5}, abs=1e-4)


def test_curves_start_clean_and_shares_sum(analysed):
    for found in analysed.values():
        for line in [*found["missing"]["curves"], *found["noise"]]:
            assert line["mean"][0] == pytest.approx(found["clean"])
        assert sum(found["tokens"]["share"].values()) == pytest.approx(1.0)
    values = analysed["tensor"]["shapley"][0]["values"]
    last = {"+".join(line["modalities"]): line["mean"][-1] for line in analysed["tensor"]["missing"]["curves"]}
    assert last == pytest.approx({"x1": values["x2"], "x2": values["x1"], "x1+x2": values["none"]}, abs=1e-6)


def test_one_modality_has_no_interplay(analysed):
    found = analysed["only_x1"]
    assert found["emap"] is None
    assert found["information"] is None
    assert found["gain"] is None
    assert found["tokens"]["share"] == {"x1": 1.0}


def test_examples_have_attention_and_contributions(analysed):
    found = analysed["attention"]["attention"]
    assert sum(found["share"].values()) == pytest.approx(1.0)
    assert len(found["examples"]) == 4
    for part in found["examples"][0]["modalities"].values():
        assert len(part["shapley"]) == len(part["attention"]) == 1
    assert analysed["tensor"]["attention"]["share"] is None


def test_answer_sets_cover_what_they_promise(runs, analysed):
    """On `interactions` validation and test data are drawn alike; 95% intervals of four runs, at five standard ones."""
    for found in analysed.values():
        assert found["coverage"]["kind"] == "classes"
        for each in found["coverage"]["patterns"]:
            assert each["calibration"] == 100
            for level, line in each["levels"].items():
                spread = (line["high"] - line["low"]) / (2 * 1.96)
                assert line["coverage"] > float(level) - 5 * spread
                assert 0 <= line["size"] <= 2
                assert line["unknown"] <= 1
    whole, *parts = (each["levels"]["0.9"] for each in analysed["tensor"]["coverage"]["patterns"])
    assert whole["size"] < 1.2 < min(each["size"] for each in parts)  # one of the two modalities tells nothing of XOR
    assert [each["modalities"] for each in analysed["tensor"]["coverage"]["patterns"]] == [["x1", "x2"], ["x1"], ["x2"]]


def test_coverage_is_that_of_the_definition(runs, analysed):
    run = runs["tensor"]
    data = build_data({**run.config, "missing_data": None}, run.data_for_prediction())
    spec = run.restored(data)
    val, test = (data.splits[name].select(["x1", "x2"]) for name in ("val", "test"))
    shown = analysed["tensor"]["coverage"]["patterns"][0]
    probabilities = run.predict_split(val, spec, 64).astype(np.float64)
    scores = sorted(1 - probabilities[row, label] for row, label in enumerate(val.labels.tolist()))
    limit = scores[math.ceil(101 * Fraction(9, 10)) - 1]
    rows = sample(test, 200, 0)[0]
    answers = run.predict_split(rows, spec, 64).astype(np.float64)
    inside = [{c for c in range(2) if 1 - answers[row, c] <= limit} for row in range(len(answers))]
    covered = [label in each for label, each in zip(rows.labels.tolist(), inside, strict=True)]
    assert shown["levels"]["0.9"]["coverage"] == pytest.approx(np.mean(covered), abs=0.011)
    assert shown["levels"]["0.9"]["size"] == pytest.approx(np.mean([len(each) for each in inside]), abs=0.011)


def test_figures_lie_beside(runs, analysed):
    names = {path.name for path in (runs["tensor"].directory / "analysis").iterdir()}
    parts = ("missing", "noise", "contribution", "information", "coverage", "examples")
    assert names == {f"{part}.{kind}" for part in parts for kind in ("svg", "png")}


def test_a_second_call_only_prints_and_another_option_computes(runs, analysed, capsys, monkeypatch):
    path = runs["tensor"].directory / "analysis.json"
    before = path.stat().st_mtime_ns
    assert command(["analyze", str(runs["tensor"].directory), *FAST, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown[str(runs["tensor"].directory)]["clean"] == analysed["tensor"]["clean"]
    assert path.stat().st_mtime_ns == before
    assert not is_current(analysed["tensor"], Settings())


def test_an_analysis_of_other_results_does_not_count(runs, analysed, tmp_path):
    for name in ("results.json", "analysis.json"):
        (tmp_path / name).write_bytes((runs["tensor"].directory / name).read_bytes())
    assert read_analysis(tmp_path) is not None
    (tmp_path / "results.json").write_text("{}")
    assert read_analysis(tmp_path) is None
    (tmp_path / "analysis.json").write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        read_analysis(tmp_path)


def test_the_report_shows_them(runs, analysed, report, tmp_path):
    planned = [PlannedRun("small", arm, {}, 0, run.directory) for arm, run in runs.items()]
    page = report(tmp_path / "report", planned, metrics={"test/accuracy": "max"}, baseline=None, controls=["only_x1"])
    text = page.read_text()
    assert 'id="robustness"' in text
    assert 'id="contribution"' in text
    assert 'class="maps"' in text
    assert 'id="coverage"' in text
    table = (tmp_path / "report" / "analysis.csv").read_text().splitlines()
    assert len(table) == 1 + len(runs)
    from interlace.report.comparison import Comparison

    comparison = Comparison(load_runs(planned), {"test/accuracy": "max"}, None, frozenset(["only_x1"]), {})
    analyses = read_analyses(comparison)
    view = robustness_view(analyses)
    assert view["subsets"] == ["x1", "x2", "x1 + x2"]
    assert set(analyses.effective["x1"]) == {"tensor", "late_mean", "attention"}  # only_x1 has nothing to fall back on


def test_samples_are_drawn_by_the_seed(runs):
    subject = open_subject(runs["tensor"], Settings(examples=0))
    whole = subject.encoded.split
    assert len(whole) == 400
    first, arrays = sample(whole, 50, seed=0)
    again, _ = sample(whole, 50, seed=0)
    other, _ = sample(whole, 50, seed=1)
    assert first.ids == again.ids != other.ids
    row = whole.ids.index(first.ids[7])
    assert (arrays["x1"].x[7] == whole.arrays["x1"].x[row]).all()
    assert isinstance(subject.encoded, EncodedModel)


def test_parts_are_chosen(runs):
    _, content = explain_run(runs["tensor"], Settings(examples=40, parts=("shapley",)))
    assert "shapley" in content
    assert not set(PARTS) - {"shapley"} & set(content)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--parts", "shaply"], "did you mean"),
        (["--parts", ","], "got none"),
    ],
)
def test_bad_options(runs, capsys, arguments, message):
    assert command(["analyze", str(runs["tensor"].directory), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_a_run(tmp_path, capsys):
    assert command(["analyze", str(tmp_path)]) == 2
    assert "not a run directory" in capsys.readouterr().err


def test_grids():
    assert grid_shape(16, 32, 32) == (4, 4)
    assert grid_shape(8, 16, 32) == (2, 4)
    assert grid_shape(1, 5, 9) == (1, 1)
