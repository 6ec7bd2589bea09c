"""A whole small study: run, resumed, shared by two drivers, reported, verified."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from interlace.cli.application import run
from tests.acceptance.conftest import TINY

pytestmark = pytest.mark.slow

STUDY = """
name: toy
question: Does it work?
base: {base}
arms:
  concat: [fusion=concat]
  sum: [fusion=sum]
  text_only: [fusion=single, "modalities=[text]"]
controls: [text_only]
baseline: concat
seeds: [0, 1, 2]
metrics: {{test/accuracy: max}}
"""


@pytest.fixture
def study(tmp_path, outputs):
    base = [o for o in TINY if not o.startswith(("fusion.num_layers", "fusion.dropout", "fusion.dim"))]
    path = tmp_path / "toy" / "study.yaml"
    path.parent.mkdir()
    path.write_text(STUDY.format(base=json.dumps(base)))
    return path


def results(outputs):
    return {path.parent: json.loads(path.read_text()) for path in outputs.glob("toy/*/seed-*/results.json")}


def test_a_study_runs_reports_and_is_not_repeated(study, outputs, capsys):
    assert run(["study", "run", str(study), "--jobs", "2"]) == 0
    page = capsys.readouterr().out.strip().splitlines()[-1]
    assert page.endswith("index.html")
    assert os.path.getsize(page) > 10_000
    kept = json.loads(next(outputs.glob("toy/concat-*/seed-0/examples/examples.json")).read_text())
    shown = re.findall(r'alt="image of example (.*?)"', Path(page).read_text())
    assert len(shown) == 8
    assert len(set(shown) - {item["id"] for item in kept}) >= 8 - len(kept) > 0  # with their media, out of all items
    found = results(outputs)
    assert len(found) == 9
    table = pd.read_csv(outputs / "toy/report/results.csv")
    assert set(table["status"]) == {"done"}
    summary = json.loads((outputs / "toy/report/summary.json").read_text())
    assert summary["sum"]["test/accuracy"]["n"] == 3
    stamps = {path: (path / "results.json").stat().st_mtime_ns for path in found}
    assert run(["study", "run", str(study), "--jobs", "2"]) == 0
    assert stamps == {path: (path / "results.json").stat().st_mtime_ns for path in found}


def test_a_failed_run_is_recorded_and_the_rest_go_on(study, outputs, capsys):
    text = study.read_text().replace("sum: [fusion=sum]", "sum: [fusion=sum, trainer=gpu]")
    study.write_text(text)  # there is no GPU here: the run fails after it was accepted
    assert run(["study", "run", str(study), "--seeds", "0"]) == 1
    captured = capsys.readouterr()
    assert len(results(outputs)) == 2
    assert "failed" in captured.err
    assert run(["study", "status", str(study), "--seeds", "0", "--json"]) == 0
    status = {row["arm"]: row["status"] for row in json.loads(capsys.readouterr().out)}
    assert status == {"concat": "done", "sum": "failed", "text_only": "done"}
    missing_runs = pd.read_csv(outputs / "toy/report/results.csv").set_index("arm")["status"].to_dict()
    assert missing_runs["sum"] == "failed"


def _command(study, *more):
    return [sys.executable, "-m", "interlace", "study", "run", str(study), "--jobs", "1", *more]


def test_two_drivers_never_run_the_same_run_twice(study, outputs):
    drivers = [subprocess.Popen(_command(study), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    logs = [driver.communicate(timeout=300)[1] for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0]
    assert len(results(outputs)) == 9
    told = [line for log in logs for line in log.splitlines() if line.startswith("[") and "failed" not in line]
    names = [line.split(" s  ", 1)[1].split("  ")[0] for line in told]
    assert sorted(names) == sorted(set(names))  # each run was finished by one driver alone
    assert len(names) == 9


def test_a_killed_driver_and_its_runs_are_picked_up(study, outputs):
    driver = subprocess.Popen(_command(study), stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 120
    while not results(outputs) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    before = {path: (path / "results.json").stat().st_mtime_ns for path in results(outputs)}
    assert before
    assert subprocess.run(_command(study), timeout=300, check=False).returncode == 0
    assert len(results(outputs)) == 9
    assert all((path / "results.json").stat().st_mtime_ns == stamp for path, stamp in before.items())


def test_ctrl_c_saves_and_says_how_to_go_on(study, outputs):
    driver = subprocess.Popen(_command(study), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(outputs.glob("toy/*/*/metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    driver.send_signal(signal.SIGINT)
    error = driver.communicate(timeout=60)[1]
    assert driver.returncode == 130
    assert "continues from here" in error
    assert not any(p.read_text().count('"running"') for p in outputs.glob("toy/*/*/status.json"))


def test_plan_shows_what_each_arm_changes(study, outputs, capsys):
    assert run(["study", "plan", str(study), "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert len(planned["runs"]) == planned["left"] == 9
    assert planned["arms"]["text_only"] == ["fusion=single", "modalities=[text]"]
    assert not outputs.exists()


def test_the_fork_server_starts_runs_quickly(study, outputs, capsys):
    # Not a timed test: the figure is printed for a person to look at.
    started = time.monotonic()
    assert run(["study", "run", str(study), "--seeds", "3,4", "--jobs", "2"]) == 0
    with capsys.disabled():
        print(f"\nsix runs of 16 steps: {time.monotonic() - started:.1f} s")
