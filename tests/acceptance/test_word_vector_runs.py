"""Runs that start from a file of word vectors need it no more once they are trained."""

import hashlib
import json

import numpy as np
import pytest

import interlace
from interlace.evaluation import evaluate_run
from interlace.pretrained.word_vectors import WordVectors
from interlace.tracking.identity import config_hash

DATA = ["data=text_classification", "data.text_columns=[0]", "data.label_column=1", "data.header=false",
        "fusion=single", "trainer.max_epochs=4", "optimizer.learning_rate=0.05", "data.batch_size=8", "logger=none",
        "trainer.threads=1"]  # fmt: skip
WORDS = ["good", "bad", "film", "plot", "actor", "the"]


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    lines = [
        f"{' '.join(rng.choice(WORDS[2:], 4))} {('bad', 'good')[i % 2]}\t{('no', 'yes')[i % 2]}" for i in range(80)
    ]
    path = tmp_path / "t.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def vectors(tmp_path):
    matrix = np.random.default_rng(1).normal(size=(len(WORDS), 5)).astype(np.float32)
    path = tmp_path / "vectors.bin"
    WordVectors(WORDS, matrix).save(path)
    return path


def config(table, vectors, *overrides):
    return interlace.compose(
        [*DATA, f"data.path={table}", "encoder/text=word_vectors", f"encoder.text.path={vectors}", *overrides]
    )


@pytest.mark.parametrize("overrides", [["encoder.text.frozen=true"], ["encoder.text.dim=5", "fusion.dim=5"]])
def test_a_run_predicts_when_the_file_is_gone(overrides, table, vectors, outputs):
    run = interlace.train(config(table, vectors, *overrides), quiet=True)
    manifest = json.loads((run.directory / "manifest.json").read_text())
    assert manifest["parents"] == {str(vectors): hashlib.sha256(vectors.read_bytes()).hexdigest()[:16]}
    vectors.unlink()
    rows = dict(enumerate(table.read_text().splitlines(), start=1))
    asked = [{"id": i, "text": rows[int(i)].split("\t")[0]} for i in run.predictions["id"]]
    answers = run.predict(asked, table.parent)
    given = [row["probabilities"]["yes"] for row in answers]
    assert np.allclose(given, run.predictions["p/yes"], atol=1e-5)
    assert evaluate_run(run)["test/loss"] == pytest.approx(run.metrics["test/loss"], abs=1e-6)


def test_another_run_takes_its_encoder_when_the_file_is_gone(table, vectors, outputs):
    parent = interlace.train(config(table, vectors), quiet=True)
    vectors.unlink()
    child = interlace.train(
        interlace.compose([*DATA, f"data.path={table}", "encoder/text=trained",
                           f"encoder.text.init_from={parent.directory}"]),
        quiet=True,
    )  # fmt: skip
    assert child.metrics["val/loss"] < 0.7
    assert child.predict([{"text": "the film good"}], table.parent)[0]["prediction"] in ("yes", "no")


def test_a_file_is_one_run_from_wherever_it_is_named(table, vectors, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_hash(config(table, vectors.name)) == config_hash(config(table, vectors))
    assert config_hash(config(table, "other.bin")) != config_hash(config(table, vectors))
    of_runs = [tmp_path / "outputs" / "s" / arm / "seed-0" / "checkpoints" / "vectors.bin" for arm in ("a-1", "b-2")]
    assert len({config_hash(config(table, path)) for path in of_runs}) == 2
