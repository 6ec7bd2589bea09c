"""Columns of features with extreme values, or without any difference: told by `data check`, at training, and kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from interlace.data.datamodule import DataModule
from interlace.data.manifest import examine


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """120 rows of four columns: one that tells the label, the same with marks of missing values, a constant, noise."""
    chance = np.random.default_rng(0)
    lines = []
    for i in range(120):
        value = i % 2 + 0.1 * chance.normal()
        row = np.array([value, 1e25 if i % 10 == 0 else value, 7.0, chance.normal()])
        np.save(tmp_path / f"{i}.npy", row)
        split = "train" if i < 60 else "val" if i < 80 else "test"
        lines.append({"features": {"pose": f"{i}.npy"}, "label": "ab"[i % 2], "split": split})
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path / "m.jsonl"


def test_they_are_told_before_training_and_at_it(path: Path, build) -> None:
    data = build("manifest", path=str(path))
    data.prepare()
    told = [
        "pose: values beyond 1000 robust scales in columns 2 (6) of 4 are left out of the scaling and read as 30 "
        "deviations; do they mark missing values?",
        "pose: columns 3 of 4 do not vary in the training split: they carry no information",
    ]
    assert [note for note in data.notes() if note.startswith("pose: ")] == told
    assert data.describe()["scaling"] == {"pose": {"extreme": {"2": 6}, "constant": [3]}}
    assert [note for note in examine(path).summary["notes"] if note.startswith("pose: ")] == told


def test_a_run_carries_its_scaling(path: Path, build) -> None:
    data = build("manifest", path=str(path))
    data.prepare()
    restored = DataModule.from_state(json.loads(json.dumps(data.state())))
    assert restored.modalities["pose"].statistics == data.modalities["pose"].statistics
    center, scale = data.modalities["pose"].statistics
    assert abs(center[1]) < 1
    assert scale[1] < 1
    assert scale[2] == 1
