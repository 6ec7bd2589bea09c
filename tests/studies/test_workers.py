"""Runs that share a process have the figures that each has alone, and a crash takes no other run with it."""

import json
import os
import signal
from dataclasses import replace

import pytest

import interlace
from interlace.studies.driver import Driver
from interlace.studies.planning import plan
from interlace.studies.study import Study
from interlace.studies.workers import shareable
from interlace.tracking.identity import run_directory

SMALL = [
    "experiment=scenes", "data.num_train=96", "data.num_val=32", "data.num_test=32", "data.batch_size=32",
    "trainer.max_epochs=2", "trainer.log_every_n_steps=1", "logger=none", "trainer.threads=1", "fusion.dim=16",
    "encoder.text.dropout=0.2",
]  # fmt: skip


def study(**changes):
    arms = {"concat": ["fusion=concat"], "attention": ["fusion=attention", "fusion.dropout=0.2"]}
    given = {"name": "toy", "question": "?", "base": SMALL, "arms": arms, "seeds": [0, 1], **changes}
    return Study(**given, metrics={"test/accuracy": "max"})


def drive(outputs, runs_per_process, **changes):
    jobs = plan(study(**changes), outputs=outputs)
    outcome = Driver(jobs, parallel=1, runs_per_process=runs_per_process).drive()
    return jobs, outcome


def figures(jobs):
    found = {}
    for job in jobs:
        run = interlace.load_run(job.run.directory)
        found[job.run.arm, job.run.seed] = (run.metrics, run.history["train/loss"].dropna().tolist())
    return found


def processes(jobs):
    return [json.loads((job.run.directory / "status.json").read_text())["pid"] for job in jobs]


def test_figures_are_those_of_a_process_of_its_own(tmp_path):
    shared, outcome = drive(tmp_path / "shared", None)
    assert not outcome.failed
    alone, outcome = drive(tmp_path / "alone", 1)
    assert not outcome.failed
    assert len(set(processes(shared))) == 1
    assert len(set(processes(alone))) == 4
    assert figures(shared) == figures(alone)


def test_a_run_that_another_driver_finished_in_between_is_not_counted_as_made_here(tmp_path, monkeypatch):
    jobs, outcome = drive(tmp_path, None, seeds=[0])
    done = [job.run.directory for job in jobs]
    assert outcome.done == done
    looks = dict.fromkeys(done, 0)

    def seen_too_early(directory):
        looks[directory] += 1
        return looks[directory] > 2  # not done at first, nor when the process is asked to make it

    monkeypatch.setattr("interlace.studies.driver.is_done", seen_too_early)
    second = Driver(jobs, parallel=1).drive()
    assert second.earlier == done
    assert not second.done
    assert not second.failed
    assert looks == dict.fromkeys(done, 3)


def test_a_process_makes_as_many_runs_as_it_may(tmp_path):
    jobs, _ = drive(tmp_path, 3)
    pids = processes(jobs)
    assert pids[0] == pids[1] == pids[2] != pids[3]


class Raiser:
    """Fails when it is built."""

    def __init__(self) -> None:
        raise RuntimeError("out of luck")


class Killer:
    """Kills the process that it is built in: a lever, where a run's own code would crash."""

    def __init__(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_crash_loses_one_run_and_its_process(tmp_path):
    jobs = plan(study(), outputs=tmp_path)
    jobs[1].config["callbacks"] = {"crash": {"_target_": "tests.studies.test_workers.Killer"}}
    outcome = Driver(jobs, parallel=1).drive()
    assert list(outcome.failed) == [jobs[1].run.directory]
    assert "SIGKILL" in outcome.failed[jobs[1].run.directory]
    assert len(outcome.done) == 3
    pids = processes([jobs[0], jobs[2], jobs[3]])
    assert pids[0] != pids[1] == pids[2]


def test_an_error_ends_the_process_too(tmp_path):
    jobs = plan(study(), outputs=tmp_path)
    jobs[0].config["callbacks"] = {"crash": {"_target_": "tests.studies.test_workers.Raiser"}}
    jobs[0] = replace(jobs[0], run=replace(jobs[0].run, directory=run_directory(jobs[0].config, tmp_path)))
    outcome = Driver(jobs, parallel=1).drive()
    assert list(outcome.failed) == [jobs[0].run.directory]
    assert "out of luck" in outcome.failed[jobs[0].run.directory]
    pids = processes(jobs)
    assert pids[0] != pids[1] == pids[2] == pids[3]


def test_a_run_whose_weights_are_absent_is_told_without_a_process_and_the_rest_go_on(tmp_path, monkeypatch):
    absent = tmp_path / "all-MiniLM-L6-v2"
    jobs = plan(study(seeds=[0]), outputs=tmp_path)
    jobs[0].config["model"] = {"encoder": str(absent)}
    started = []
    monkeypatch.setattr(Driver, "_worker", lambda self, job: started.append(job) or Stopped())
    outcome = Driver(jobs, parallel=1).drive()
    assert outcome.failed[jobs[0].run.directory] == f"not started: model.encoder: {absent}: no such file or folder"
    assert started == [jobs[1]]
    assert not jobs[0].run.directory.exists()


class Stopped:
    """A worker whose process ends at once."""

    gpu, exit_code, reusable, made, signs_of_end = None, 1, False, 1, ()

    def begin(self, job, threads, gpu) -> None:
        """Starts nothing."""

    def ended(self) -> bool:
        return True

    def close(self) -> None:
        """Holds nothing."""


@pytest.mark.parametrize(("key", "value"), [("accelerator", "gpu"), ("devices", 2), ("num_nodes", 2)])
def test_a_run_on_other_hardware_has_a_process_of_its_own(key, value):
    trainer = {"accelerator": "cpu", "devices": 1, "num_nodes": 1}
    assert shareable({"trainer": trainer})
    assert not shareable({"trainer": {**trainer, key: value}})
