"""Metrics, calibration and unequal classes through the command line, on small manifests of texts."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as sk
from torchmetrics.functional.classification import multiclass_calibration_error

from interlace.cli.application import run

pytestmark = pytest.mark.slow
OPTIONS = ["logger=none", "trainer.threads=1", "trainer.max_epochs=3", "trainer.min_steps_per_epoch=null",
           "trainer.max_steps=null", "data.batch_size=16", "fusion.dim=16", "fusion.num_layers=1"]  # fmt: skip
LINEAR = ["model=linear", "fusion=null", "logger=none", "trainer.threads=1"]
SPLITS = {"train": 96, "val": 32, "test": 40}


@pytest.fixture
def manifest(tmp_path):
    """manifest(rows) -> a file with these rows."""

    def write(rows, name="data.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def scores(rng, **sizes):
    """Texts with scores from -3 to 3, zeros among them: the words tell the score, but not always."""
    for split, number in {**SPLITS, **sizes}.items():
        for i in range(number):
            score = round(float(rng.integers(-9, 10)) / 3, 4)
            seen = score + rng.normal(0, 0.7)
            words = ["good" if seen > 0 else "bad"] * max(1, round(abs(seen)))
            yield {"id": f"{split}{i}", "text": " ".join([*words, "film"]), "label": score, "split": split}


def classes(rare=0.1):
    """Texts of two classes, one of them rare, and two yes-no fields; three texts of four have the word of their class,
    the others that of the other one."""
    for split, number in SPLITS.items():
        for i in range(number):
            label = "alarm" if i < rare * number else "calm"
            word = label if i % 4 != 3 else {"alarm": "calm", "calm": "alarm"}[label]
            yield {
                "id": f"{split}{i}", "text": f"{word} now and then", "label": label, "split": split,
                "noisy": str(i % 2), "male": str(i // 2 % 2),
            }  # fmt: skip


def trained(path, capsys, *overrides, options=OPTIONS):
    """The directory of a finished run, its results and what it said on standard error."""
    capsys.readouterr()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        code = run(["train", "experiment=manifest", f"data.path={path}", *options, *overrides])
    said = capsys.readouterr()
    assert code == 0, said.err
    ours = [str(each.message) for each in caught if re.search(r"torchmetrics|scipy|sklearn|numpy", each.filename)]
    assert not ours
    assert "Warning" not in said.err
    directory = Path(said.out.strip().splitlines()[-1])
    return directory, json.loads((directory / "results.json").read_text()), said.err


def predictions(directory):
    return pd.read_parquet(directory / "predictions.parquet")


@pytest.mark.parametrize("options", [[*OPTIONS, "head=regression"], LINEAR], ids=["fusion", "linear"])
def test_sentiment_scores_are_those_of_the_field(manifest, outputs, capsys, options):
    """Every figure of the preset, worked out again from the predictions of the run; then others by evaluate."""
    path = manifest(scores(np.random.default_rng(0)))
    directory, results, _ = trained(path, capsys, "metrics=sentiment", options=options)
    table, found = predictions(directory), results["metrics"]
    x, y = table["prediction"].to_numpy(np.float64), table["label"].to_numpy(np.float64)
    assert (y == 0).any()
    some = y != 0
    expected = {
        "acc2_has0": np.mean((x >= 0) == (y >= 0)), "acc2_non0": np.mean((x > 0)[some] == (y > 0)[some]),
        "f1_has0": sk.f1_score(y >= 0, x >= 0, average="weighted"),
        "f1_non0": sk.f1_score((y > 0)[some], (x > 0)[some], average="weighted"),
        "acc7": np.mean(np.round(x.clip(-3, 3)) == np.round(y.clip(-3, 3))),
        "mae": np.abs(x - y).mean(), "pearson": np.corrcoef(x, y)[0, 1],
    }  # fmt: skip
    for name, value in expected.items():
        assert found[f"test/{name}"] == pytest.approx(value, abs=1e-5), name
        assert f"val/{name}" in found
    assert "test/spearman" not in found
    assert run(["evaluate", str(directory), "metrics=correlations", "--json"]) == 0
    evaluated = json.loads(capsys.readouterr().out)
    evaluated = evaluated.get("metrics", evaluated)
    assert evaluated["test/spearman"] == pytest.approx(pd.Series(x).corr(pd.Series(y), method="spearman"), abs=1e-4)


@pytest.mark.parametrize("options", [OPTIONS, LINEAR], ids=["fusion", "linear"])
def test_calibration_before_and_after(manifest, outputs, capsys, options):
    """All six figures of the test data, from the probabilities in predictions.parquet and the temperature told."""
    path = manifest(classes(rare=0.4))
    directory, results, _ = trained(path, capsys, "calibration=temperature", options=options)
    table, found = predictions(directory), results["metrics"]
    names = ["alarm", "calm"]
    before = torch.from_numpy(table[[f"p/{name}" for name in names]].to_numpy(np.float64, copy=True))
    labels = torch.tensor([names.index(label) for label in table["label"]])
    after = (before.log() / found["val/temperature"]).softmax(1)
    for end, p in (("", before), ("_calibrated", after)):
        wanted = torch.nn.functional.one_hot(labels, 2)
        assert found[f"test/brier{end}"] == pytest.approx((p - wanted).square().sum(1).mean().item(), abs=1e-4)
        nll = -p[torch.arange(len(p)), labels].log().mean().item()
        assert found[f"test/nll{end}"] == pytest.approx(nll, abs=1e-4)
        ece = multiclass_calibration_error(p, labels, num_classes=2, n_bins=15).item()
        assert found[f"test/ece{end}"] == pytest.approx(ece, abs=2e-3)
    assert run(["evaluate", str(directory), "--json"]) == 0  # the temperature is the run's, not learned anew
    evaluated = json.loads(capsys.readouterr().out)
    evaluated = evaluated.get("metrics", evaluated)
    assert evaluated["test/ece_calibrated"] == pytest.approx(found["test/ece_calibrated"], abs=1e-6)


UNEQUAL = {
    "balanced weights": ["objective.class_weights=balanced"],
    "weights by name": ["objective.class_weights={alarm: 9, calm: 1}"],
    "sampling": ["trainer.balanced_sampling=true"],
    "focal and weights": ["objective.class_weights=balanced", "objective.focal_gamma=2"],
}


@pytest.mark.parametrize("means", UNEQUAL, ids=str)
def test_a_rare_class_is_answered_where_it_is_asked_for(manifest, outputs, capsys, means):
    """One text in ten is of the rare class, and most texts with its word are of the other: the best answer is always
    the common class. With any of these the word decides, in three texts of four rightly."""
    path, more = manifest(classes()), ["metrics=imbalanced", "trainer.max_epochs=12"]
    _, plain, said = trained(path, capsys, *more)
    assert "best.ckpt is still chosen" not in said
    assert plain["metrics"]["test/balanced_accuracy"] == pytest.approx(0.5)
    assert plain["metrics"]["test/accuracy"] == pytest.approx(0.9)
    _, _, said = trained(path, capsys, *more, *UNEQUAL[means])
    assert f"{UNEQUAL[means][-1].partition('=')[0]}: best.ckpt is still chosen by val/accuracy" in said
    directory, results, said = trained(path, capsys, *more, *UNEQUAL[means], "checkpoint.monitor=val/f1")
    assert "best.ckpt is still chosen" not in said
    table = predictions(directory)
    recalls = [(table["prediction"] == name)[table["label"] == name].mean() for name in ("alarm", "calm")]
    assert results["metrics"]["test/balanced_accuracy"] == pytest.approx(np.mean(recalls), abs=1e-6)
    assert recalls == pytest.approx([0.75, 0.75])
    counts = json.loads((directory / "data_description.json").read_text())["class_counts"]
    assert counts["train"] == {"alarm": 10, "calm": 86}


def test_classes_that_are_numbers_are_named_by_them(manifest, outputs, capsys):
    """0 and 1 in the options are the classes "0" and "1" of the data; the positive class decides what is looked for."""
    rows = [{**row, "label": int(row["label"] == "alarm")} for row in classes(rare=0.3)]
    path, found = manifest(rows), {}
    for positive in (0, 1):
        more = ["metrics=custom", "metrics.names=[f1_binary,average_precision]", f"metrics.positive={positive}",
                "objective.class_weights={0: 1, 1: 2.5}", "data.task=classification"]  # fmt: skip
        directory, results, _ = trained(path, capsys, *more)
        table = predictions(directory)
        answers, wanted = table["prediction"] == str(positive), table["label"] == str(positive)
        found[positive] = results["metrics"]
        assert found[positive]["test/f1_binary"] == pytest.approx(sk.f1_score(wanted, answers))
        precision = sk.average_precision_score(wanted, table[f"p/{positive}"])
        assert found[positive]["test/average_precision"] == pytest.approx(precision, abs=1e-4)
    assert found[0]["test/average_precision"] != found[1]["test/average_precision"]


def test_two_groups_with_equal_values_are_both_told_and_can_be_watched(manifest, outputs, capsys):
    path = manifest(classes(rare=0.4))
    groups = "data.groups=[noisy,male]"
    watched = ["metrics=custom", "metrics.names=[f1_macro]", 'checkpoint.monitor="val/f1_macro/male=1"']
    directory, results, _ = trained(path, capsys, groups, *watched)
    table, found = predictions(directory), results["metrics"]
    for field in ("noisy", "male"):
        for value in "01":
            part = table[table[f"group/{field}"] == value]
            accuracy = (part["prediction"] == part["label"]).mean()
            assert found[f"test/accuracy/{field}={value}"] == pytest.approx(accuracy)
            f1 = sk.f1_score(part["label"], part["prediction"], average="macro")
            assert found[f"test/f1_macro/{field}={value}"] == pytest.approx(f1)
    assert not any(name.endswith(("/0", "/1")) for name in found)
    bad = ['checkpoint.monitor="val/f1_macro/male=2"']
    assert run(["train", "experiment=manifest", f"data.path={path}", groups, *watched, *OPTIONS, *bad]) == 2
    error = capsys.readouterr().err
    assert "val/f1_macro/male=2" in error
    assert "did you mean" in error


@pytest.mark.parametrize("options", [[*OPTIONS, "head=regression"], LINEAR], ids=["fusion", "linear"])
@pytest.mark.parametrize("more", [[], ["metrics=sentiment"], ["metrics=correlations"]], ids=lambda more: "".join(more))
def test_one_test_row_has_no_correlation_and_that_is_told(manifest, outputs, capsys, options, more):
    path = manifest(scores(np.random.default_rng(4), test=1))
    _, results, said = trained(path, capsys, *more, options=options)
    assert all(np.isfinite(value) for value in results["metrics"].values())
    assert "test/mae" in results["metrics"]
    assert "test/pearson" not in results["metrics"]
    assert said.count("test/pearson is undefined and left out: there are fewer than two examples") == 1


STUDY = """
name: {name}
question: Which one?
base: [experiment=manifest, "data.path={path}", logger=none, trainer.threads=1, {base}]
arms:
  mean: [fusion=sum, "fusion.dim=16", trainer.max_epochs=2, trainer.min_steps_per_epoch=null]
controls: [linear]
baseline: mean
seeds: [0, 1, 2]
metrics: {metrics}
expected:
  linear: {expected}
"""


@pytest.mark.parametrize(
    ("kind", "base", "metrics", "said"),
    [
        (
            "classes",
            ["metrics=ordered", "calibration=temperature", "checkpoint.monitor=val/qwk"],
            {"test/qwk": "max", "test/brier_calibrated": "min", "test/balanced_accuracy": "max"},
            ["test quadratic weighted kappa", "test Brier score after temperature scaling ↓", "alarm 39 · calm 57"],
        ),
        (
            "scores",
            ["metrics=sentiment", "checkpoint.monitor=val/acc7"],
            {"test/acc2_non0": "max", "test/f1_has0": "max", "test/mae": "min"},
            ["test Acc-2 (negative / positive, no zeros)", "test F1 (negative / non-negative) ↑"],
        ),
    ],
)
def test_a_study_is_led_by_a_chosen_metric(manifest, outputs, tmp_path, capsys, kind, base, metrics, said):
    """Run, reported, verified: the report names the metric in full and no interval leaves its range."""
    rng = np.random.default_rng(5)
    path = manifest(classes(rare=0.4) if kind == "classes" else scores(rng))
    study = tmp_path / f"led-{kind}" / "study.yaml"
    study.parent.mkdir()
    leading = next(iter(metrics))
    base = [*base, *(["head=regression"] if kind == "scores" else [])]
    text = STUDY.format(
        name=study.parent.name, path=path, base=", ".join(base), metrics=json.dumps(metrics),
        expected=json.dumps({leading: [0.5, 0.5]}),
    )  # fmt: skip
    study.write_text(text)
    assert run(["study", "run", str(study)]) == 0, capsys.readouterr().err
    page = Path(capsys.readouterr().out.strip().splitlines()[-1])
    shown = page.read_text()
    for words in said:
        assert words in shown
    summary = json.loads((page.parent / "summary.json").read_text())
    low = -1.0 if leading == "test/qwk" else 0.0
    for cell in ("mean", "linear"):
        assert summary[cell][leading]["n"] == 3
        bounds = summary[cell][leading]["ci95"] or [low, 1.0]
        assert low <= bounds[0] <= bounds[1] <= 1.0
    assert run(["study", "verify", str(study)]) == 0, capsys.readouterr().err
