"""A package of somebody else, built as a wheel and installed: its fusion trains, resumes, is reported and judged."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).parent / "worked"
SMALL = ["experiment=interactions", "data.num_train=64", "data.num_val=32", "data.num_test=32", "trainer.max_steps=4",
         "logger=none", "trainer=cpu"]  # fmt: skip
RUN = ["experiment=worked", "logger=none", "trainer=cpu", "trainer.threads=1"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder into which the wheel is installed, without anything that it might need."""
    root = tmp_path_factory.mktemp("worked")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(root), str(SOURCE)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    wheel, site = next(root.glob("*.whl")), root / "site"
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    install = [uv, "pip", "install", "--offline", "--no-deps", "--python", sys.executable, "--target", site, wheel]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture
def interlace(installed, tmp_path):
    """interlace(*arguments) -> a finished process that has the plug-in by its entry point alone."""
    environment = {key: value for key, value in os.environ.items() if key != "INTERLACE_PLUGINS"}
    environment["PYTHONPATH"] = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment["INTERLACE_OUTPUTS"] = str(tmp_path / "outputs")

    def run(*arguments, wait=True, **changes):
        command = [sys.executable, "-m", "interlace", *arguments]
        process = subprocess.Popen(
            command,
            env={**environment, **changes},
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if wait:
            process.output, process.told = process.communicate(timeout=300)
        return process

    return run


def results(told: str) -> dict:
    return json.loads(Path(told.strip().splitlines()[-1], "results.json").read_text())


def test_it_is_listed_and_keeps_every_law(interlace):
    assert "[plug-in worked_fusion]" in interlace("list", "fusion").output
    judged = interlace("test", "fusion", "worked_fusion.strategies.SumAndProduct")
    assert judged.returncode == 0, judged.output
    assert judged.output.endswith(": every law holds\n")


def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(interlace, tmp_path):
    whole = interlace("train", *RUN, INTERLACE_OUTPUTS=str(tmp_path / "whole"))
    assert whole.returncode == 0, whole.told
    killed = interlace("train", *RUN, wait=False)
    until = time.monotonic() + 240
    while not list((tmp_path / "outputs").rglob("last.ckpt")) and time.monotonic() < until:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(60) == -signal.SIGKILL
    assert not list((tmp_path / "outputs").rglob("results.json"))
    resumed = interlace("train", *RUN)
    assert resumed.returncode == 0, resumed.told
    assert results(resumed.output)["metrics"] == results(whole.output)["metrics"]
    manifest = json.loads(Path(resumed.output.strip().splitlines()[-1], "manifest.json").read_text())
    assert manifest["earlier"], "it began anew"
    assert manifest["plugins"]["worked_fusion"]["version"] == "1.2.3"
    assert results(resumed.output)["plugins"] == ["worked_fusion"]
    place = resumed.output.strip().splitlines()[-1]
    assert interlace("evaluate", place).returncode == 0
    gone = interlace("evaluate", place, PYTHONPATH=os.environ.get("PYTHONPATH", ""))
    assert gone.returncode == 2
    assert "install that or name it with --plugin worked_fusion" in gone.told


def test_a_study_makes_its_runs_and_reports_it(interlace, tmp_path):
    study = {
        "name": "worked-study", "question": "Sum and product, or side by side?",
        "base": SMALL, "arms": {"worked": ["fusion=worked"], "concat": ["fusion=concat"]},
        "seeds": [0, 1], "baseline": "concat",
        "metrics": {"test/accuracy": "max"},
    }  # fmt: skip
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(study))
    done = interlace("study", "run", str(path))
    assert done.returncode == 0, done.told
    report = tmp_path / "outputs/worked-study/report"
    assert "worked" in (report / "results.csv").read_text()
    used = {json.loads(each.read_text())["arm"]: json.loads(each.read_text())["plugins"]
            for each in (tmp_path / "outputs/worked-study").glob("*/seed-*/results.json")}  # fmt: skip
    assert used == {"worked": ["worked_fusion"], "concat": []}
    status = interlace("study", "status", str(path), "--json")
    assert '"stale": true' not in status.output.lower()
