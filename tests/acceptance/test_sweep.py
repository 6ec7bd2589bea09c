"""A whole small sweep: killed, gone on with, stopped early, reported."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import yaml

from interlace.cli.application import run
from interlace.tracking.files import read_json
from interlace.tracking.status import read_status
from tests.acceptance.conftest import TINY

pytestmark = pytest.mark.slow


@pytest.fixture
def study(tmp_path, outputs):
    base = [o for o in TINY if not o.startswith(("fusion", "trainer.max_epochs"))]
    path = tmp_path / "toy" / "study.yaml"
    path.parent.mkdir()
    content = {
        "name": "toy",
        "question": "Does it search?",
        "parents": {"whole": [*base, "fusion=sum", "trainer.max_epochs=1"]},
        "base": [*base, "fusion=concat", "trainer.max_epochs=3",
                 "encoders.image.init_from=parent:whole"],
        "arms": {"concat": []},
        "seeds": [0],
        "metrics": {"test/accuracy": "max"},
        "search": {
            "space": {"optimizer.learning_rate": {"low": 1e-5, "high": 1e-2, "log": True}, "fusion.dim": [4, 8]},
            "trials": 6,
            "objectives": {"val/loss": "min"},
            "pruner": {"name": "median", "startup": 1},
        },
    }  # fmt: skip
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def test_a_killed_sweep_ends_with_as_many_trials_as_asked_for(study, outputs, capsys):
    command = [sys.executable, "-m", "interlace", "sweep", "optuna", str(study), "--jobs", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while len(list(outputs.glob("toy/concat-*/seed-1000/metrics.jsonl"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = set(outputs.glob("toy/concat-*"))
    assert 2 <= len(before) < 6

    assert run(["sweep", "optuna", str(study), "--jobs", "1"]) == 0
    page = outputs / "toy" / "sweep" / "report" / "index.html"
    assert capsys.readouterr().out.strip() == str(page)
    directories = set(outputs.glob("toy/concat-*"))
    assert before <= directories
    table = pd.read_csv(page.parent / "trials.csv")
    assert list(table["trial"]) == list(range(6))
    assert set(table["state"]) <= {"done", "pruned"}
    assert len(directories) == 6
    for row in table.to_dict("records"):
        (place,) = row["runs"].split()
        directory = outputs / "toy" / place
        status, results = read_status(directory)["status"], read_json(directory / "results.json")
        assert status == row["state"] == results["status"]
        if status == "done":
            assert results["metrics"]["val/loss"] == pytest.approx(row["val/loss"])
            assert row["epochs"] == 3
        else:
            assert row["epochs"] == results["epochs"] < 3
            assert "test/loss" not in results["metrics"]
    assert "pruned" in set(table["state"]), "startup 1 and rates down to 1e-5: one is worse than the median"

    assert run(["sweep", "status", str(study), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    best = shown["best"]["concat"][0]
    done = table[table["state"] == "done"].set_index("trial")["val/loss"]
    assert best["trial"] == done.idxmin()
    assert best["overrides"][0].startswith("optimizer.learning_rate=")
    assert len(page.read_text()) > 10_000


def test_a_study_without_a_search(capsys):
    assert run(["sweep", "optuna", "demo"]) == 2
    assert "it has no search; add a search: section" in capsys.readouterr().err
