"""Several targets at once: one line names a label for each of several tasks."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from interlace.assembly import build_data
from interlace.configuration.compose import compose
from interlace.errors import UserError
from interlace.training import train

WORDS = ["never", "seldom", "often"]
SMALL = ["experiment=manifest", "fusion=single", "logger=none", "trainer=cpu", "trainer.max_epochs=8",
         "optimizer.learning_rate=0.02", "multitask=labels", "data.label=colour"]  # fmt: skip
KINDS = ["multitask.labels={score: regression, level: ordinal}"]


def manifest(folder, number=240):
    """Colour, score and level are each told by a word; every fifth line has no score."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(number):
        colour, level, high = ["red", "blue"][rng.integers(2)], int(rng.integers(3)), bool(rng.integers(2))
        score = None if i % 5 == 0 else (1.5 if high else -0.5)
        text = f"{colour} {'high' if high else 'low'} {WORDS[level]}"
        lines.append({"text": text, "labels": {"colour": colour, "score": score, "level": str(level)}})
    (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"data.path={folder / 'data.jsonl'}"


def test_each_label_is_learned_measured_and_predicted(tmp_path) -> None:
    found = train(compose([*SMALL, *KINDS, manifest(tmp_path)]), outputs=tmp_path / "out", quiet=True)
    assert found.metrics["test/accuracy"] > 0.95
    assert found.metrics["test/score/mae"] < 0.3
    assert found.metrics["test/level/mae"] < 0.2
    table = pd.read_parquet(found.directory / "predictions.parquet")
    there = table["score/label"].notna()
    assert 0 < (~there).sum() < len(table) / 2
    error = (table["score/prediction"] - table["score/label"])[there].abs().mean()
    assert error == pytest.approx(found.metrics["test/score/mae"], rel=1e-5)
    distance = (table["level/prediction"].astype(int) - table["level/label"].astype(int)).abs().mean()
    assert distance == pytest.approx(found.metrics["test/level/mae"])
    answer = found.predict([{"text": "blue high often"}], tmp_path)[0]
    assert (answer["prediction"], answer["labels"]["level"]) == ("blue", "2")
    assert answer["labels"]["score"] == pytest.approx(1.5, abs=0.5)


def test_labels_are_read_by_their_names(tmp_path) -> None:
    data = build_data(compose([*SMALL, *KINDS, manifest(tmp_path, 60)]))
    split = data.splits["train"]
    assert data.classes == ["blue", "red"]
    assert data.further_labels["level"].classes == ["0", "1", "2"]
    assert math.isnan(min(split.further_labels["score"], key=lambda value: not math.isnan(value)))
    assert "score" not in split.groups  # a number splits no metrics


def test_a_label_that_no_line_has_is_told(tmp_path) -> None:
    path = manifest(tmp_path, 60)
    with pytest.raises(UserError, match="no line has the field 'color'; did you mean 'colour'"):
        build_data(compose([*SMALL[:-1], *KINDS, path, "data.label=color"]))
    with pytest.raises(UserError, match=r"'levl'.*did you mean 'level'"):
        build_data(compose([*SMALL, path, "multitask.labels={levl: ordinal}"]))
    with pytest.raises(UserError, match="not a label of sequence_labels"):
        build_data(compose([*SMALL, path, "multitask.labels={level: sequence_labels}"]))
