"""A user's own file: three modalities, some missing, some corrupt; checked, trained, predicted."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from interlace.cli.application import run

pytestmark = pytest.mark.slow
COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200)}


@pytest.fixture
def folder(tmp_path):
    """160 examples whose label is told by picture and sound alike; a third of the modalities is missing."""
    rng = np.random.default_rng(0)
    (tmp_path / "img").mkdir()
    (tmp_path / "snd").mkdir()
    rows = []
    for i in range(160):
        label = ("red", "blue")[i % 2]
        noise = rng.integers(-25, 25, (20, 20, 3))
        Image.fromarray((np.array(COLOURS[label]) + noise).clip(0, 255).astype(np.uint8)).save(
            tmp_path / f"img/{i}.png"
        )
        tone = np.sin(2 * np.pi * (300 if label == "red" else 1200) * np.arange(2000) / 8000)
        soundfile.write(tmp_path / f"snd/{i}.wav", 0.3 * tone + 0.02 * rng.normal(size=2000), 8000)
        row = {
            "id": f"ex{i}",
            "photo": f"img/{i}.png",
            "sound": f"snd/{i}.wav",
            "words": "which one is it ?",
            "label": label,
        }
        for name in ("photo", "sound", "words"):
            if rng.random() < 0.33 and sum(n in row for n in ("photo", "sound")) > (name != "words"):
                row[name] = None
        if not (row.get("photo") or row.get("sound")):
            row["photo"] = f"img/{i}.png"
        rows.append(row)
    write(tmp_path / "good.jsonl", rows)
    (tmp_path / "img/5.png").write_bytes(b"not a picture")
    soundfile.write(tmp_path / "snd/6.wav", np.zeros(0), 8000)
    rows[5]["photo"], rows[6]["sound"], rows[7]["photo"] = "img/5.png", "snd/6.wav", "img/absent.png"
    rows[8]["photo"] = "../outside.png"
    write(tmp_path / "bad.jsonl", rows)
    return tmp_path


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


OPTIONS = ["logger=none", "trainer.threads=1", "trainer.max_epochs=6", "data.batch_size=16", "data.image_size=20",
           "data.sample_rate=8000", "fusion.dim=32"]  # fmt: skip


def test_bad_lines_are_named_and_nothing_is_trained(folder, outputs, capsys):
    assert run(["data", "check", str(folder / "bad.jsonl")]) == 1
    problems = capsys.readouterr().out
    for line, reason in (("line 6", "5.png"), ("line 7", "6.wav"), ("line 8", "absent.png"), ("line 9", "outside")):
        assert line in problems
        assert reason in problems
    assert run(["train", "experiment=manifest", f"data.path={folder / 'bad.jsonl'}", *OPTIONS]) == 2
    error = capsys.readouterr().err
    assert "line 6" in error
    assert "on_error=skip" in error
    assert not list(outputs.rglob("results.json"))


def test_skipped_lines_are_counted_and_the_rest_is_learned_and_predicted(folder, outputs, capsys):
    train = ["train", "experiment=manifest", f"data.path={folder / 'bad.jsonl'}", "data.on_error=skip", *OPTIONS]
    assert run(train) == 0
    directory = capsys.readouterr().out.strip().splitlines()[-1]
    results = json.loads(Path(directory, "results.json").read_text())
    assert sum(results["skipped"].values()) == 4
    assert sum(results["num_examples"].values()) == 156
    assert results["metrics"]["test/accuracy"] > 0.9

    new = [
        {"id": "a", "photo": "img/0.png", "sound": "snd/0.wav", "words": "which one is it ?"},
        {"id": "b", "photo": None, "sound": "snd/1.wav"},
        {"id": "c", "photo": "img/3.png"},
    ]
    write(folder / "new.jsonl", new)
    out = folder / "predicted.jsonl"
    assert run(["predict", directory, "--input", str(folder / "new.jsonl"), "--output", str(out)]) == 0
    predicted = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in predicted] == ["a", "b", "c"]
    assert [row["prediction"] for row in predicted] == ["red", "blue", "blue"]
    assert all(abs(sum(row["probabilities"].values()) - 1) < 1e-3 for row in predicted)

    write(folder / "new.jsonl", [*new, {"id": "d", "photo": "img/none.png"}])
    out.unlink()
    assert run(["predict", directory, "--input", str(folder / "new.jsonl"), "--output", str(out)]) == 2
    assert "none.png" in capsys.readouterr().err
    assert not out.exists()


def test_numbers_are_a_regression(folder, outputs, capsys):
    rows = [json.loads(line) for line in (folder / "good.jsonl").read_text().splitlines()]
    rng = np.random.default_rng(1)
    for row in rows:
        row["label"] = float((row["label"] == "red") + 0.05 * rng.normal())
    write(folder / "numbers.jsonl", rows)
    (folder / "img/5.png").unlink()
    Image.new("RGB", (20, 20), COLOURS["blue"]).save(folder / "img/5.png")
    soundfile.write(folder / "snd/6.wav", 0.3 * np.sin(np.arange(2000.0)), 8000)
    train = ["train", "experiment=manifest", f"data.path={folder / 'numbers.jsonl'}", *OPTIONS]
    assert run(train) == 2
    assert "head=regression" in capsys.readouterr().err
    for fusion in ("attention", "late_mean"):
        assert run([*train, "head=regression", f"fusion={fusion}"]) == 0
        directory = capsys.readouterr().out.strip().splitlines()[-1]
        metrics = json.loads(Path(directory, "results.json").read_text())["metrics"]
        assert metrics["test/pearson"] > 0.8
        write(folder / "new.jsonl", [{"id": "a", "photo": "img/0.png"}])
        out = folder / "predicted.jsonl"
        assert run(["predict", directory, "--input", str(folder / "new.jsonl"), "--output", str(out)]) == 0
        assert abs(json.loads(out.read_text())["prediction"] - 1.0) < 0.6
