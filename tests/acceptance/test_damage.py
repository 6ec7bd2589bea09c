"""A damaged file of a run costs no figure: every verb says the same again, or one sentence with the command that mends.

A sample of the matrix (files x damages x finished or interrupted x verbs), drawn by a printed seed; another sample with
INTERLACE_DAMAGE=SEED:NUMBER, all of it with INTERLACE_DAMAGE=all.
"""

import contextlib
import io
import itertools
import json
import os
import random
import re
import shlex
import shutil
import signal

import pytest
import torch
from pytorch_lightning.callbacks import Callback

import interlace.training as training
from interlace.cli.application import run as command
from interlace.studies import verbs
from interlace.studies.driver import Outcome
from interlace.studies.planning import plan
from interlace.studies.study import load_study
from interlace.tracking.checkpoints import Preempted
from interlace.tracking.files import read_json
from interlace.tracking.refreshing import refresh_run
from tests.tracking.damage import DAMAGES

STUDY = """name: harm
question: What does damage do?
base: [experiment=interactions, data.num_train=64, data.num_val=32, data.num_test=32, trainer.max_epochs=2,
       logger=none, fusion.dim=8]
arms: {concat: [fusion=concat], sum: [fusion=sum]}
seeds: [0]
metrics: {test/accuracy: max}
"""
VERBS = (
    "train", "evaluate", "predict", "reproduce", "compare", "analyze", "study status", "study report", "study run",
    "sync", "bundle",
)  # fmt: skip
STATES = ("finished", "interrupted")
KINDS = ("deleted", "zero_bytes", "truncated", "garbage")
SEED, SAMPLE = 4439, 6


class InOneProcess:
    """Takes the place of the driver: the runs of a study one after the other, here."""

    def __init__(self, jobs, *, refresh=None, **options):
        self.jobs, self.refresh, self.running, self.outcome = jobs, refresh, {}, Outcome()

    def drive(self):
        for job in self.jobs:
            directory = job.run.directory
            if self.refresh is not None:
                refresh_run(directory, self.refresh)
            try:
                made = training.make(job.config, directory, overrides=job.run.overrides, quiet=True)
                (self.outcome.done if made else self.outcome.earlier).append(directory)
            except Exception as error:
                self.outcome.failed[directory] = str(error)
        return self.outcome


class StopAfterAnEpoch(Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def masters(tmp_path_factory):
    """Outputs with a finished and with an interrupted run of `concat`, by state."""
    found = {}
    for state in STATES:
        home = tmp_path_factory.mktemp(state)
        (home / "experiments" / "harm").mkdir(parents=True)
        (home / "experiments" / "harm" / "study.yaml").write_text(STUDY)
        study = load_study(home / "experiments" / "harm" / "study.yaml")
        for job in plan(study, (), home / "outputs"):
            stop = StopAfterAnEpoch() if state == "interrupted" and job.run.arm == "concat" else None
            with contextlib.suppress(Preempted):
                training.make(job.config, job.run.directory, overrides=job.run.overrides, quiet=True, callback=stop)
        found[state] = home
    return found


def directory_of(home):
    (found,) = (home / "outputs" / "harm").glob("concat-*/seed-0")
    return found


def files_of(home):
    directory = directory_of(home)
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def arguments_of(verb, home):
    run = str(directory_of(home))
    other = str(next((home / "outputs" / "harm").glob("sum-*/seed-0")))
    return {
        "train": ["train", *arguments_of.overrides],
        "evaluate": ["evaluate", run, "--json"],
        "predict": ["predict", run, "--input", str(home / "records.jsonl"), "--output", str(home / "told.jsonl")],
        "reproduce": ["reproduce", run],
        "compare": ["compare", run, other, "--json"],
        "analyze": ["analyze", run, "--parts", "missing", "--examples", "8", "--draws", "1", "--json", "--again"],
        "study status": ["study", "status", "harm", "--json"],
        "study report": ["study", "report", "harm"],
        "study run": ["study", "run", "harm"],
        "sync": ["sync", "--dry-run"],
        "bundle": ["bundle", "harm", "--output", str(home / "harm.tar.gz")],
    }[verb]


def say(arguments):
    """Exit code, standard output and error of a command line, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command(arguments)
    return code, out.getvalue(), err.getvalue()


def figures_of(verb, home, out):
    """What a verb tells that has to be the same again."""
    if verb in ("evaluate", "compare", "analyze"):
        content = json.loads(out[min(out.find(mark) for mark in "{[" if mark in out) :])
        if verb == "compare":
            for name in ("seconds", "peak_memory_mb"):
                content["metrics"].pop(name)
        elif verb == "analyze":
            content = list(content.values())  # by the run's path
        return re.sub(r'"(results|code)": "[^"]*"', "", json.dumps(content))
    if verb in ("study report", "sync", "bundle"):
        return None
    if verb == "study status":
        return [(row["arm"], row["status"], row["error"]) for row in json.loads(out)]
    if verb == "predict":
        return (home / "told.jsonl").read_text()
    return read_json(directory_of(home) / "results.json")["metrics"]


def rows_of(home):
    rows = [json.loads(line) for line in (directory_of(home) / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "time"} for row in rows]


@pytest.fixture
def world(masters, tmp_path, monkeypatch):
    """Makes a copy of a master the place where commands work."""
    monkeypatch.setattr(verbs, "Driver", InOneProcess)
    monkeypatch.setattr(verbs, "start_fork_server", lambda: None)
    numbers = itertools.count()

    def enter(state):
        home = tmp_path / str(next(numbers))
        shutil.copytree(masters[state], home)
        directory = directory_of(home)
        arguments_of.overrides = [f"{text}" for text in _plain(directory)]
        size = 16  # of a vector: data.dim
        vector = [[0.1 * n for n in range(size)]]
        lines = [json.dumps({"id": f"r{n}", "x1": "a.npy", "x2": "a.npy"}) for n in range(2)]
        (home / "records.jsonl").write_text("\n".join(lines) + "\n")
        import numpy as np

        np.save(home / "a.npy", np.asarray(vector, dtype=np.float32))
        monkeypatch.chdir(home)
        monkeypatch.setenv("INTERLACE_OUTPUTS", str(home / "outputs"))
        return home

    return enter


def _plain(directory):
    import yaml

    return yaml.safe_load((directory / "overrides.yaml").read_text())


def check(verb, state, name, kind, home, expected):
    """What is wrong, None for nothing: the verb on a run with one damaged file, and after the command that mends it."""
    path = directory_of(home) / name
    path.unlink() if kind == "deleted" else DAMAGES[kind](path)
    where = f"{verb} of a run {state}, {name} {kind}"
    try:
        code, out, err = say(arguments_of(verb, home))
        wanted = re.findall(r"`(interlace [^`]+)`", err + out)
        if code not in (0, 1, 2) or (
            code and not [line for line in err.splitlines() if line.startswith("interlace: ")]
        ):
            return f"{where}: exit code {code}, said {err[-300:]!r}"
        if verb == "study status" and state == "interrupted":
            told = {arm: status for arm, status, _ in figures_of(verb, home, out)}
            return None if told["concat"] != "done" == told["sum"] else f"{where}: told {told}"
        if code == 0 and (expected is None or figures_of(verb, home, out) == expected):
            if verb in ("train", "study run") and rows_of(home) != check.rows:
                return f"{where}: other rows in metrics.jsonl"
            return None
        if not wanted:
            return f"{where}: exit code {code}, no command that mends it in {(err + out)[-500:]!r}"
        again = shlex.split(wanted[0])[1:]
        if again == ["train"]:  # the command that made the run, where only overrides.yaml knew it
            assert name == "overrides.yaml", where
            again += [*arguments_of.overrides, *["--refresh"] * ("with --refresh" in err + out)]
        mended = say(again)
        if mended[0]:
            return f"{where}: {wanted[0]} ended with {mended[0]}: {mended[2][-300:]!r}"
        code, out, err = say(arguments_of(verb, home))
        if code or (expected is not None and figures_of(verb, home, out) != expected):
            return f"{where}: not mended by {wanted[0]}: exit code {code}, {err[-300:]!r} {out[-200:]!r}"
    except Exception as error:
        return f"{where}: {type(error).__name__}: {error}"
    return None


def test_damage_costs_no_figure(masters, world):
    matrix = [
        (verb, state, name, kind)
        for state in STATES
        for name in files_of(masters[state])
        for kind in KINDS
        for verb in VERBS
    ]
    asked = os.environ.get("INTERLACE_DAMAGE", "")
    seed = int(asked.partition(":")[0]) if asked not in ("", "all") else SEED
    number = len(matrix) if asked == "all" else int(asked.partition(":")[2] or SAMPLE)
    print(f"{number} of {len(matrix)} cases, INTERLACE_DAMAGE={seed}:{number}")
    home = world("finished")
    check.rows = rows_of(home)
    expected = {}
    for verb in VERBS:
        code, out, err = say(arguments_of(verb, home))
        assert code == 0, f"{verb}: {err}"
        expected[verb] = figures_of(verb, home, out)
    sample = random.Random(seed).sample(matrix, number)
    wrong = []
    for case in sample:
        home = world(case[1])
        if found := check(*case, home, expected[case[0]]):
            print(found, flush=True)
            wrong.append(found)
        shutil.rmtree(home)
        torch.use_deterministic_algorithms(True)
    assert not wrong, f"{len(wrong)} of {number} cases with seed {seed}:\n" + "\n".join(wrong)
