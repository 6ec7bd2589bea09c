"""A task from outside: one folder, its preset among it, with no line of ours changed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from interlace.assembly import assemble
from interlace.configuration.compose import compose
from interlace.configuration.tasks import task_names
from interlace.errors import UserError
from interlace.evaluation import evaluate_run
from interlace.training import train

PLUGIN = Path(__file__).parent / "plugin"
OPTIONS = ["experiment=toy_span", "logger=none", "trainer=cpu", "trainer.max_epochs=6", "optimizer.learning_rate=0.01"]


@pytest.fixture(autouse=True)
def _plugged(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("INTERLACE_PLUGINS", "toy_span")


def manifest(folder, number=240):
    """The answer stands between "from" and "to"."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(number):
        before, inside, after = (rng.choice(["a", "b", "c"], rng.integers(1, 4)).tolist() for _ in range(3))
        first = len(before) + 1
        text = " ".join([*before, "from", *(word.upper() + "x" for word in inside), "to", *after])
        lines.append({"text": text, "answer": [first, first + len(inside) - 1], "half": "ab"[i % 2]})
    (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"data.path={folder / 'data.jsonl'}"


def test_it_trains_predicts_and_is_evaluated(tmp_path) -> None:
    assert "toy_span" in task_names()
    path = manifest(tmp_path)
    found = train(compose([*OPTIONS, path, "data.groups=[half]"]), outputs=tmp_path / "out", quiet=True)
    assert found.metrics["test/exact_match"] > 0.9
    assert "test/exact_match/a" in found.metrics
    table = pd.read_parquet(found.directory / "predictions.parquet")
    assert table["correct"].mean() == pytest.approx(found.metrics["test/exact_match"])
    shown = json.loads((found.directory / "examples/examples.json").read_text())
    assert all(set(each["label"].split()) <= {"Ax", "Bx", "Cx"} for each in shown)
    assert found.predict([{"text": "a b from Cx Ax to b"}], tmp_path)[0]["prediction"] == "Cx Ax"
    assert evaluate_run(found, [path])["test/exact_match"] == pytest.approx(found.metrics["test/exact_match"])


def test_bad_lines_and_choices_are_told(tmp_path) -> None:
    path = manifest(tmp_path, 30)
    with pytest.raises(UserError, match="these data are spans; add head=toy_span"):
        assemble(compose([*OPTIONS, path, "head=classification"])).build_task()
    with (tmp_path / "data.jsonl").open("a") as file:
        file.write(json.dumps({"text": "a b", "answer": [1, 2]}) + "\n")
    with pytest.raises(
        UserError, match=r"line 31: wrong answer: answer is \[1, 2\], expected \[first, last\] of 2 words"
    ):
        assemble(compose([*OPTIONS, path]))
