"""The classical baselines as whole runs: a bag of words, a linear model of all inputs, and the class prior."""

import json

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

import interlace
from interlace.cli.application import run as command
from interlace.data.text_classification import TextClassification
from interlace.evaluation import evaluate_run

TABLE = ["data=text_classification", "data.text_columns=[0]", "data.label_column=1", "data.header=false",
         "data.length_bins=[7]", "logger=none", "trainer.threads=1"]  # fmt: skip


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    words = ["film", "plot", "actor", "scene", "of", "the"]
    rows = []
    for _ in range(240):
        label = "good" if rng.random() < 0.6 else "bad"
        shown = label if rng.random() < 0.8 else rng.choice(["good", "bad"])
        rows.append(f"{' '.join(rng.choice(words, rng.integers(3, 9)))} so {shown}ish\t{label}\n")
    path = tmp_path / "reviews.tsv"
    path.write_text("".join(rows))
    return path


def train(table, *overrides):
    return interlace.train(interlace.compose([*TABLE, f"data.path={table}", *overrides]), quiet=True)


def test_a_bag_of_words_run_leaves_what_a_classifier_leaves(table, outputs, tmp_path, capsys):
    run = train(table, "model=bag_of_words", "fusion=null", "modalities=[text]")
    other = train(table, "model=null", "fusion=majority", "trainer.max_epochs=1", "optimizer.learning_rate=0.1")
    assert run.config["arm"] == "bag_of_words"
    assert run.status["status"] == "done"
    assert set(run.metrics) == set(other.metrics)
    assert set(other.results) - {"best"} <= set(run.results), "no checkpoint is chosen among several"
    assert list(run.predictions.columns) == list(other.predictions.columns)
    assert (run.predictions["id"] == other.predictions["id"]).all()
    assert run.metrics["test/accuracy"] == pytest.approx(run.predictions["correct"].mean())
    assert run.metrics["test/accuracy"] > other.metrics["test/accuracy"] + 0.1
    assert (other.predictions["prediction"] == "good").all()
    assert len(run.history) == 5
    assert run.history["val/accuracy"].max() == run.metrics["val/accuracy"]
    best = run.history.loc[run.history["val/accuracy"].idxmax(), "C"]
    assert run.results["chosen"] == {"C": best, "converged": True}
    assert evaluate_run(run) == pytest.approx({k: v for k, v in run.metrics.items() if k.startswith("test/")})
    assert command(["compare", str(run.directory), str(other.directory)]) == 0
    assert "test/accuracy" in capsys.readouterr().out


def test_its_predictions_are_those_of_scikit_learn_on_the_same_fold(table, outputs):
    run = train(table, "model=bag_of_words", "fusion=null", "data.fold=1", "data.num_folds=3", "model.C=[2.0]",
                "model.ngram_range=[1,1]")  # fmt: skip
    options = {k: v for k, v in run.config["data"].items() if k != "_target_"}
    data = TextClassification(**options)
    data.prepare()
    train_split, test = data.splits["train"], data.splits["test"]
    vectorizer = CountVectorizer(token_pattern=r"\w+|[^\w\s]")
    regression = LogisticRegression(C=2.0, max_iter=1000)
    regression.fit(vectorizer.fit_transform(train_split.texts["text"]), train_split.labels)
    expected = regression.predict_proba(vectorizer.transform(test.texts["text"]))
    assert run.predictions["id"].tolist() == test.ids
    got = run.predictions[[f"p/{name}" for name in data.classes]].to_numpy()
    assert np.allclose(got, expected, atol=1e-6)
    assert json.loads((run.directory / "data_description.json").read_text())["fold"] == 1


def test_it_predicts_for_new_texts(table, outputs, tmp_path):
    run = train(table, "model=bag_of_words", "fusion=null")
    asked, answered = tmp_path / "asked.jsonl", tmp_path / "answered.jsonl"
    asked.write_text('{"id": "x", "text": "the plot so goodish"}\n{"id": "y", "text": "the plot so badish"}\n')
    assert command(["predict", str(run.directory), "--input", str(asked), "--output", str(answered)]) == 0
    first, second = (json.loads(line) for line in answered.read_text().splitlines())
    assert (first["id"], first["prediction"], second["prediction"]) == ("x", "good", "bad")
    expected = run.model().predict(["the plot so goodish"])[0]
    assert first["probabilities"]["good"] == pytest.approx(expected[1], abs=1e-6)


def test_it_takes_the_place_of_a_text_encoder_on_any_data_with_one_text(outputs):
    base = ["experiment=scenes", "logger=none", "trainer.threads=1", "data.num_train=128", "data.num_val=64",
            "data.num_test=64", "model=bag_of_words"]  # fmt: skip
    run = interlace.train(interlace.compose([*base, "fusion=null", "modalities=[text]"]), quiet=True)
    assert len(run.predictions) == 64
    with pytest.raises(interlace.errors.UserError, match=r"it reads one text, and these are .*image \(image\)"):
        interlace.train(interlace.compose([*base, "fusion=null"]), quiet=True)
    with pytest.raises(interlace.errors.UserError, match="no encoder takes this model; add fusion=null"):
        interlace.train(interlace.compose(base), quiet=True)


def test_the_watched_metric_chooses_the_regularization(table, outputs):
    by_loss = train(table, "model=bag_of_words", "fusion=null", "checkpoint.monitor=val/loss")
    best = by_loss.history.loc[by_loss.history["val/loss"].idxmin(), "C"]
    assert by_loss.results["chosen"]["C"] == best
    with pytest.raises(interlace.errors.UserError, match=r"checkpoint.monitor: got 'val/nothing'"):
        train(table, "model=bag_of_words", "fusion=null", "checkpoint.monitor=val/nothing")


SMALL = ["data.num_train=160", "data.num_val=64", "data.num_test=64", "logger=none", "trainer.threads=1"]


@pytest.mark.parametrize(
    "overrides", [["experiment=scenes"], ["experiment=interactions", "missing_data=rates", "missing_data.test=0.5"]]
)
def test_a_linear_model_reads_every_modality_and_is_evaluated_as_it_was_tested(overrides, outputs):
    run = interlace.train(interlace.compose([*overrides, *SMALL, "model=linear", "fusion=null"]), quiet=True)
    assert run.config["arm"] == "linear"
    assert len(run.predictions) == 64
    assert len(run.history) == 5
    tested = {k: v for k, v in run.metrics.items() if k.startswith("test/")}
    assert evaluate_run(run) == pytest.approx(tested)
    with pytest.raises(interlace.errors.UserError, match="no encoder takes this model; add fusion=null"):
        interlace.train(interlace.compose([*overrides, *SMALL, "model=linear"]), quiet=True)


def test_a_linear_model_of_numbers_in_a_manifest(outputs, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4, 3)).astype(np.float32)
    lines = []
    for row, steps in enumerate(x):
        np.save(tmp_path / f"{row}.npy", steps)
        lines.append(json.dumps({"features": f"{row}.npy", "label": float(steps.mean(0) @ [1.0, -2.0, 0.5])}))
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    run = interlace.train(
        interlace.compose(["experiment=manifest", f"data.path={tmp_path / 'm.jsonl'}", "model=linear", "fusion=null",
                           "logger=none", "trainer.threads=1", "model.C=[1000.0]"]), quiet=True)  # fmt: skip
    assert run.metrics["test/pearson"] > 0.999
    (tmp_path / "new.jsonl").write_text('{"features": "3.npy"}\n')
    assert command(["predict", str(run.directory), "--input", str(tmp_path / "new.jsonl"),
                    "--output", str(tmp_path / "out.jsonl")]) == 0  # fmt: skip
    answer = json.loads((tmp_path / "out.jsonl").read_text())
    assert answer["prediction"] == pytest.approx(float(x[3].mean(0) @ [1.0, -2.0, 0.5]), abs=0.05)
