"""`interlace analyze` of a multi-label run, whose score is micro F1 at the run's thresholds."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from interlace.analysis.reading import read_analysis
from interlace.analysis.settings import PARTS
from interlace.cli.application import run as command
from interlace.configuration.compose import compose
from interlace.configuration.tasks import task_named
from interlace.training import train

pytestmark = pytest.mark.slow
FAST = ["--examples", "0", "--draws", "2", "--emap-examples", "16", "--token-examples", "3", "--bins", "4"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on texts that tell red and blue, and features that tell big."""
    folder = tmp_path_factory.mktemp("tags")
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(300):
        red, blue, big = (rng.random(3) < (0.5, 0.3, 0.5)).tolist()
        words = ["a", *(["crimson"] if red else []), *(["navy"] if blue else []), "thing"]
        names = [name for name, there in (("red", red), ("blue", blue), ("big", big)) if there]
        lines.append({"text": " ".join(words), "features": [2.0 * big - 1, rng.normal()], "labels": names})
    (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    overrides = ["experiment=manifest", f"data.path={folder / 'data.jsonl'}", "fusion=late_mean",
                 "logger=none", "trainer=cpu", "trainer.max_epochs=6", "optimizer.learning_rate=0.01",
                 "trainer.threads=1"]  # fmt: skip
    return train(compose(overrides), outputs=folder / "out", quiet=True)


def test_every_part_is_of_micro_f1(run, capsys):
    assert command(["analyze", str(run.directory), *FAST]) == 0
    told = capsys.readouterr().out
    found = read_analysis(run.directory)
    assert set(PARTS) <= set(found)
    assert found["metric"] == "f1_micro"
    assert found["clean"] == pytest.approx(run.metrics["test/f1_micro"])
    assert f"f1_micro {100 * found['clean']:.1f}%" in told
    for shares in found["shapley"]:
        assert sum(shares["phi"].values()) == pytest.approx(shares["all"] - shares["none"])
    alone = {line["modalities"][0]: line for line in found["missing"]["curves"] if len(line["modalities"]) == 1}
    for line in alone.values():
        assert line["mean"][0] == pytest.approx(found["clean"], abs=1e-6)
        assert line["mean"][-1] < found["clean"] - 0.1
    # Each class is told by one modality, so that a sum of their parts says all.
    assert found["emap"]["gap"] == pytest.approx(0.0, abs=1e-9)
    assert found["emap"]["interaction"] == pytest.approx(0.0, abs=1e-6)
    assert (run.directory / "analysis" / "missing.svg").is_file()


def test_score_chance_and_answers_are_those_at_the_thresholds():
    rng = np.random.default_rng(1)
    spec = task_named("multi_label", threshold="tuned")
    spec.restore({"val/threshold/a": 0.3, "val/threshold/b": 0.8}, ["a", "b"])
    labels, train_labels = (rng.random((60, 2)) < 0.4).astype(np.uint8), np.array([[1, 0]] * 5 + [[0, 1]], np.uint8)
    outputs = rng.normal(size=(60, 2))
    given = 1 / (1 + np.exp(-outputs)) >= [0.3, 0.8]
    measure = spec.learning.measure(labels, train_labels)
    assert measure.score(outputs, labels) == pytest.approx(f1_score(labels, given, average="micro"))
    constant = np.tile([1, 0], (60, 1))
    assert measure.chance == pytest.approx(f1_score(labels, constant, average="micro", zero_division=0), abs=1e-4)
    ids = spec.learning.discrete(outputs, outputs=True)
    assert len(set(ids.tolist())) == len({tuple(row) for row in given})
    assert all((ids[i] == ids[0]) == (given[i] == given[0]).all() for i in range(60))
    assert spec.learning.described_answer(np.array([[0.0, 0.0]]), ["a", "b"]) == ("a", None)
    shares = spec.learning.answered_share(outputs, np.array([[5.0, 5.0]]))
    assert shares == pytest.approx((1 / (1 + np.exp(-outputs))).mean(1))
    nothing = spec.learning.answered_share(outputs, np.array([[-5.0, -5.0]]))
    assert nothing == pytest.approx(1 - shares)
