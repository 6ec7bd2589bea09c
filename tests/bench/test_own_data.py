"""Small made-up data of one's own: their signal is linear, and the measurement is what it says."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from interlace.bench import own_data


def test_a_linear_model_of_pooled_features_finds_the_signal(tmp_path, monkeypatch):
    monkeypatch.setattr(own_data, "ROWS", {"train": 600, "val": 1, "test": 400})
    rows = [json.loads(line) for line in own_data.make(tmp_path, 3).read_text().splitlines()]
    pooled = np.stack([np.concatenate([np.load(tmp_path / row[name]).mean(0) for name in own_data.FEATURES])
                       for row in rows])  # fmt: skip
    labels = np.array([row["label"] for row in rows])
    splits = np.array([row["split"] for row in rows])
    x = StandardScaler().fit(pooled[splits == "train"]).transform(pooled)
    fitted = LogisticRegression(C=0.01, max_iter=500).fit(x[splits == "train"], labels[splits == "train"])
    assert 0.68 < fitted.score(x[splits == "test"], labels[splits == "test"]) < 0.88
    assert json.dumps(rows[0]) == (own_data.make(tmp_path / "again", 3).read_text().splitlines()[0])


def test_the_difference_is_that_of_the_same_data_sets(tmp_path, monkeypatch, outputs):
    monkeypatch.setattr(own_data, "ROWS", {"train": 80, "val": 20, "test": 40})
    short = ["trainer.max_epochs=1", "trainer.threads=1"]
    figures = own_data.measure(tmp_path, ["concat"], [0, 1, 2], short, lambda text: None)
    assert set(figures) == {"linear", "concat"}
    differences = np.subtract(figures["concat"]["accuracy"], figures["linear"]["accuracy"])
    assert figures["concat"]["difference"] == pytest.approx(differences.mean())
    low, high = figures["concat"]["difference_ci95"]
    assert low <= differences.mean() <= high
    assert [row[0] for row in own_data.told(figures)] == ["linear", "concat"]
