"""Studies and sweeps killed at random: every run ends once, with the figures of an undisturbed one.

INTERLACE_CHAOS=all strikes 50 times at 30 runs of a study, and 12 times at 8 trials of a sweep.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pandas as pd
import pytest
import yaml

from interlace.tracking.files import read_json
from interlace.tracking.metrics_file import read_metrics
from interlace.tracking.processes import is_alive
from interlace.tracking.status import read_status
from tests.acceptance.conftest import TINY

pytestmark = pytest.mark.slow

ALL = os.environ.get("INTERLACE_CHAOS") == "all"
SEEDS, STUDY_BLOWS = (10, 50) if ALL else (2, 9)
TRIALS, SWEEP_BLOWS = (8, 12) if ALL else (3, 4)
BASE = [o for o in TINY if not o.startswith("fusion")]
STUDY = {
    "name": "toy",
    "question": "Does it last?",
    "base": BASE,
    "arms": {"concat": ["fusion=concat"], "sum": ["fusion=sum"], "text": ["fusion=single", "modalities=[text]"]},
    "baseline": "concat",
    "seeds": list(range(SEEDS)),
    "metrics": {"test/accuracy": "max"},
}
SWEEP = {
    **STUDY,
    "base": [*BASE, "fusion=concat"],
    "arms": {"concat": []},
    "seeds": [0],
    "search": {
        "space": {"optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "fusion.dim": [4, 8]},
        "trials": TRIALS,
        "objectives": {"val/loss": "min"},
        "sampler": "random",  # what is drawn for a trial does not depend on those that ended before
    },
}
# Without reports, which are no part of what is tested.
DRIVE_STUDY = """
import sys
from interlace.studies.driver import Driver
from interlace.studies.planning import plan
from interlace.studies.study import load_study
outcome = Driver(plan(load_study(sys.argv[1]), []), parallel=int(sys.argv[2])).drive()
sys.exit(128 + outcome.stopped_by if outcome.stopped_by else int(bool(outcome.failed)))
"""
DRIVE_SWEEP = """
import sys
from interlace.studies.study import load_study
from interlace.studies.sweep.driver import SweepDriver
from interlace.studies.sweep.planning import SweepPlan
plan = SweepPlan(load_study(sys.argv[1]), [])
trial_store = plan.open()
driver = SweepDriver(trial_store, plan.jobs, parallel=int(sys.argv[2]))
outcome = driver.drive()
left = trial_store.unfinished()
trial_store.close()
sys.exit(128 + outcome.stopped_by if outcome.stopped_by else int(bool(left)))
"""
# Each time that a run is called done, whoever does it.
COUNT = """
import os
replace = os.replace
def counted(source, target, **options):
    replace(source, target, **options)
    if os.path.basename(target) == "status.json":
        with open(target) as stream:
            if '"status": "done"' in stream.read():
                with open(os.environ["CHAOS_LOG"], "a") as log:
                    log.write(os.path.dirname(target) + "\\n")
os.replace = counted
"""


class Chaos:
    """Two drivers of the same work, and what is done to them."""

    def __init__(self, script, study, outputs, usual, seed):
        """`usual`: seconds that the work takes undisturbed; on a slow machine everything is slower, blows too."""
        self.script, self.study, self.outputs, self.usual = script, study, outputs, usual
        self.random = random.Random(seed)
        self.log = outputs.parent / "done.log"
        hooks = outputs.parent / "hooks"
        hooks.mkdir()
        (hooks / "sitecustomize.py").write_text(COUNT)
        path = os.pathsep.join([str(hooks), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.environment = {
            **os.environ, "INTERLACE_OUTPUTS": str(outputs), "CHAOS_LOG": str(self.log), "PYTHONPATH": path,
        }  # fmt: skip
        self.drivers = [self.start(), self.start()]
        self.starts = 2
        self.sent = Counter()

    def start(self, jobs=1):
        command = [sys.executable, "-c", self.script, str(self.study), str(jobs)]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def keep_going(self):
        """Starts drivers anew that have ended before all is done."""
        for place, driver in enumerate(self.drivers):
            if driver.poll() not in (None, 0):
                self.drivers[place] = self.start()
                self.starts += 1

    def workers(self):
        """Processes that are at a run; never one that has been given the number of a killed one."""
        holders = []
        for path in sorted(self.outputs.glob("toy/*/seed-*/run.lock")):
            with contextlib.suppress(FileNotFoundError, ValueError):
                holders.append(json.loads(path.read_text()))
        return [holder["pid"] for holder in holders if is_alive(holder)]

    def strike(self, times, runs):
        """Sends so many signals while so many runs are made: one in six to a driver, the others to runs.

        The work sets the pace, not the clock: whoever has struck too seldom for what is done strikes at once, so that
        few are left when the last run ends, however fast or slow the machine; fewer than half sent fail the test.
        """
        until = time.monotonic() + 20 * self.usual
        while self.sent.total() < times and self.done() < runs:
            assert time.monotonic() < until, self.told(20 * self.usual)
            self.keep_going()
            pause = time.monotonic() + self.random.uniform(0, self.usual / times)
            time.sleep(self.random.uniform(0, 0.05))  # a run may be short
            while time.monotonic() < pause and self.sent.total() >= times * (self.done() + 3) / runs:
                time.sleep(0.05)  # not behind, where each of two drivers is at one run
            number = self.random.choice([signal.SIGKILL, signal.SIGTERM])
            at_driver = self.sent.total() % 6 == 5
            alive = [d.pid for d in self.drivers if d.poll() is None] if at_driver else self.workers()
            if not alive:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(alive), number)
                self.sent["driver" if at_driver else "run", number.name] += 1
        assert self.sent.total() >= times / 2, self.told(0)

    def done(self):
        return len(set(self.log.read_text().splitlines())) if self.log.exists() else 0

    def settle(self):
        """Until both drivers find all work done."""
        until = time.monotonic() + 20 * self.usual
        while any(driver.poll() != 0 for driver in self.drivers):
            assert time.monotonic() < until, self.told(20 * self.usual)
            self.keep_going()
            time.sleep(0.1)

    def told(self, seconds):
        sent = ", ".join(f"{times} {name} to a {target}" for (target, name), times in sorted(self.sent.items()))
        return f"{sent}; {self.starts} drivers; {seconds:.0f} s, undisturbed {self.usual:.0f} s"

    def close(self):
        for driver in self.drivers:
            if driver.poll() is None:
                os.killpg(driver.pid, signal.SIGKILL)
                driver.wait()


@pytest.fixture
def chaos(tmp_path):
    """chaos(script, content) -> the outputs of an undisturbed run, and drivers at the same work elsewhere."""
    made = []

    def begin(script, content):
        path = tmp_path / "toy" / "study.yaml"
        path.parent.mkdir()
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        outputs = tmp_path / "undisturbed"
        environment = {**os.environ, "INTERLACE_OUTPUTS": str(outputs)}
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", script, str(path), "2"], env=environment, check=True)
        made.append(Chaos(script, path, tmp_path / "disturbed", time.monotonic() - began, seed=0))
        return outputs, made[0]

    yield begin
    for each in made:
        each.close()


def figures(directory):
    """All that a run has found out."""
    rows = [{k: v for k, v in row.items() if k != "time"} for row in read_metrics(directory / "metrics.jsonl")]
    return read_json(directory / "results.json")["metrics"], rows, pd.read_parquet(directory / "predictions.parquet")


def same_runs(one, two, number):
    """Whether two outputs hold the same runs with the same figures, and nothing that a killed process left behind."""
    runs = [sorted(p.relative_to(outputs) for p in outputs.glob("toy/*/seed-*")) for outputs in (one, two)]
    assert runs[0] == runs[1]
    assert len(runs[0]) == number
    for name in runs[0]:
        first, second = figures(one / name), figures(two / name)
        assert first[:2] == second[:2], name
        pd.testing.assert_frame_equal(first[2], second[2])
        assert read_status(two / name)["status"] == "done"
        beside = {path.relative_to(two / name).as_posix() for path in (two / name).rglob("*")}
        undisturbed = {path.relative_to(one / name).as_posix() for path in (one / name).rglob("*")}
        assert beside == undisturbed, name


def test_a_study_that_is_killed_again_and_again(chaos, capsys):
    undisturbed, drivers = chaos(DRIVE_STUDY, STUDY)
    runs = SEEDS * len(STUDY["arms"])
    began = time.monotonic()
    drivers.strike(STUDY_BLOWS, runs=runs)
    drivers.settle()
    with capsys.disabled():
        print(f"\n{drivers.told(time.monotonic() - began)}")
    same_runs(undisturbed, drivers.outputs, runs)
    done = Counter(drivers.log.read_text().splitlines())
    assert set(done.values()) == {1}, "a run was made twice"
    assert len(done) == runs
    assert {number for _, number in drivers.sent} == {"SIGKILL", "SIGTERM"}


def test_a_sweep_that_is_killed_again_and_again(chaos, capsys):
    undisturbed, drivers = chaos(DRIVE_SWEEP, SWEEP)
    began = time.monotonic()
    drivers.strike(SWEEP_BLOWS, runs=TRIALS)
    drivers.settle()
    with capsys.disabled():
        print(f"\n{drivers.told(time.monotonic() - began)}")
    same_runs(undisturbed, drivers.outputs, TRIALS)
    assert set(Counter(drivers.log.read_text().splitlines()).values()) == {1}
