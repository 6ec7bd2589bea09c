"""Trials without training: a function of the options takes the place of a run, in processes of the same kind."""

import multiprocessing
import os
import signal
import time
from typing import ClassVar

from interlace.report.results import PlannedRun
from interlace.studies.planning import Job
from interlace.studies.search import Search
from interlace.studies.sweep.driver import SweepDriver
from interlace.studies.sweep.trial_store import TrialStore, read_trials
from interlace.studies.workers import Worker, make_runs
from interlace.tracking.files import write_json
from interlace.tracking.identity import config_hash
from interlace.tracking.lock import RunLock
from interlace.tracking.status import is_done

TRAINER = {"accelerator": "cpu", "devices": 1, "num_nodes": 1, "threads": 1, "precision": "32-true"}
CONTEXT = multiprocessing.get_context("fork")


def quadratic(options):
    """Best, 0, at x = 0.3 and y = -0.2; epochs approach it from below."""
    return {"val/score": -((options["x"] - 0.3) ** 2) - (options["y"] + 0.2) ** 2}


def stub_make(figures, *, epochs=3, seconds=0.0):
    """Takes the place of `interlace.training.make`. Each epoch is noted in epochs.txt and not made again."""

    def make(config, directory, *, overrides, quiet, callback):
        with RunLock(directory):
            if is_done(directory):
                return False
            write_json(directory / "status.json", {"status": "running"})
            diary = directory / "epochs.txt"
            first = len(diary.read_text()) if diary.exists() else 0
            metrics = figures(config["options"])
            for epoch in range(first, epochs):
                time.sleep(seconds)
                now = {name: value - (epochs - 1 - epoch) for name, value in metrics.items()}
                if callback is not None and callback.report(epoch + 1, now):
                    write_json(directory / "status.json", {"status": "pruned"})
                    return True
                with diary.open("a") as stream:
                    stream.write("x")
            write_json(directory / "results.json", {"status": "done", "metrics": metrics, **config["costs"]})
            write_json(directory / "status.json", {"status": "done"})
            return True

    return make


class ForkedWorker(Worker):
    """A worker forked from the driver, which lets go of the driver's ends of all connections: it hears of its death."""

    drivers_ends: ClassVar[list] = []

    def __init__(self):
        self.connection, theirs = CONTEXT.Pipe()
        self.drivers_ends.append(self.connection)
        self.process = CONTEXT.Process(target=self.body, args=(theirs,))
        self.process.start()
        theirs.close()
        self.made, self.exit_code, self.report = 0, None, None

    def body(self, theirs):
        for end in self.drivers_ends:
            end.close()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        make_runs(theirs, dict(os.environ))


class StubDriver(SweepDriver):
    """Workers that share what the test has patched."""

    def _new_worker(self):
        return ForkedWorker()


def jobs_of(outputs, search, costs=lambda options: {}):
    """The runs of a trial, with a configuration of no more than its options."""

    def jobs(trial):
        made = []
        for seed in search.seeds:
            config = {"study": "stub", "arm": trial.arm, "seed": seed, "options": dict(trial.options), "data": {},
                      "trainer": TRAINER, "costs": costs(trial.options)}  # fmt: skip
            directory = outputs / "stub" / f"{trial.arm}-{config_hash(config)}" / f"seed-{seed}"
            run = PlannedRun("stub", trial.arm, {}, seed, directory)
            reports = len(search.objectives) == 1 and seed == search.seeds[0]
            made.append(Job(run, config, reports=reports))
        return made

    return jobs


def search_of(**changes):
    """A search of two numbers for the best score."""
    content = {
        "space": {"x": {"low": -1.0, "high": 1.0}, "y": {"low": -1.0, "high": 1.0}},
        "objectives": {"val/score": "max"},
        "trials": 10,
        "sampler": "random",
        **changes,
    }
    return Search.model_validate(content)


def ledger_of(outputs, search, arms=("arm",)):
    """The trial_store of a stub study."""
    return TrialStore(outputs / "stub", search, {arm: [] for arm in arms}, dict.fromkeys(arms, 3))


def drive(outputs, search, *, parallel=1, arms=("arm",), costs=lambda options: {}):
    """One driver from start to end, in this process."""
    trial_store = ledger_of(outputs, search, arms)
    try:
        driver = StubDriver(trial_store, jobs_of(outputs, search, costs), parallel=parallel)
        driver.drive()
    finally:
        trial_store.close()
    return driver


def told(outputs, search):
    """The trials of a sweep whose runs take no time and no process: the trials in the end."""
    trial_store = ledger_of(outputs, search)
    while (trial := trial_store.take()) is not None:
        trial_store.complete(trial, [quadratic(trial.options)["val/score"]], {}, [])
    trial_store.close()
    return read_trials(outputs / "stub", ["arm"])["arm"]
