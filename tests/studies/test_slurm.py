"""Arrays of SLURM jobs, run here by stand-ins for sbatch and scontrol, with a task that is preempted and requeued."""

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import interlace
from interlace.cli.application import run
from interlace.errors import UserError
from interlace.studies.slurm import hours_of, make_task, read_task
from interlace.tracking.files import write_json, write_yaml

SMALL = [
    "experiment=scenes", "data.num_train=96", "data.num_val=32", "data.num_test=32", "data.batch_size=32",
    "trainer.max_epochs=15", "checkpoint.every_n_train_steps=1", "trainer.log_every_n_steps=1", "logger=none",
    "trainer.threads=1", "fusion.dim=16", "fusion=concat",
]  # fmt: skip

# Runs each task of the array in turn, as SLURM would: the first attempt at task 0 gets USR1 (to the shell, as
# --signal=B: says) once it has a checkpoint; whatever scontrol has requeued is run again.
SBATCH = """#!{python}
import glob, os, re, signal, subprocess, sys, time
calls, outputs = {calls!r}, os.environ["INTERLACE_OUTPUTS"]
with open(calls, "a") as log:
    print("sbatch", *sys.argv[1:], file=log)
script = sys.argv[-1]
text = open(script).read()
first, last, _ = map(int, re.search(r"^#SBATCH --array=(\\d+)-(\\d+)%(\\d+)$", text, re.M).groups())
assert "#SBATCH --requeue" in text and "#SBATCH --signal=B:USR1@120" in text
for task in range(first, last + 1):
    for attempt in range(3):
        open(calls + ".requeue", "w").close()
        environment = dict(os.environ, SLURM_JOB_ID="70", SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID=str(task),
                           SLURM_NTASKS="1", SLURM_JOB_NAME="interlace", SLURM_PROCID="0", SLURM_LOCALID="0",
                           SLURM_NODEID="0", SLURM_RESTART_COUNT=str(attempt))
        shell = subprocess.Popen(["bash", script], env=environment, stdout=sys.stderr)
        if task == 0 and attempt == 0:
            while shell.poll() is None and not glob.glob(outputs + "/*/*/seed-0/checkpoints/last.ckpt"):
                time.sleep(0.05)
            shell.send_signal(signal.SIGUSR1)
        code = shell.wait()
        with open(calls, "a") as log:
            print("task", task, "attempt", attempt, "exit", code, file=log)
        if open(calls + ".requeue").read().split() != [f"7_{{task}}"]:
            break
print("7;cluster")
"""
SCONTROL = """#!/bin/bash
[ "$1 $2" = "show config" ] && exec cat {calls}.config
[ "$1" = requeue ] && echo "$2" >> {calls}.requeue
echo "scontrol $*" >> {calls}
"""


def study(folder, **changes):
    content = {"name": "toy", "question": "?", "base": SMALL, "arms": {"a": [], "b": ["fusion.hidden=8"]},
               "baseline": "a", "seeds": [0], "metrics": {"test/accuracy": "max"}, **changes}  # fmt: skip
    write_yaml(folder / "study.yaml", content)
    return str(folder / "study.yaml")


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The log of what was called; sbatch and scontrol on PATH."""
    calls, folder = tmp_path / "calls", tmp_path / "bin"
    calls.with_suffix(".config").write_text("MailProg = /bin/mail\nMaxArraySize            = 1001\n")
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scontrol", SCONTROL)):
        path = folder / name
        path.write_text(text.format(python=sys.executable, calls=str(calls)))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return calls


def test_a_dry_run_writes_the_script_and_submits_nothing(tmp_path, outputs, slurm, capsys):
    arguments = [
        "trainer=gpu",
        "trainer.threads=2",
        "--dry-run",
        "--at-most",
        "3",
        "--partition",
        "gpu",
        "--time",
        "04:00:00",
        "--gpus",
        "1",
        "--cpus",
        "8",
        "--sbatch=--account=lab",
    ]
    assert run(["launch", "slurm", study(tmp_path), *arguments]) == 0
    script = outputs / "toy/slurm/dry-runs/001/runs.sbatch"
    told = capsys.readouterr()
    assert told.out.strip() == str(script)
    assert f"2 tasks of 1 GPU, 04:00:00 each: up to 8.0 GPU hours; submit by: sbatch {script}" in told.err
    lines = script.read_text().splitlines()
    assert lines.count("export INTERLACE_PLUGINS=tests") == 1  # a task finds what the submission found
    wanted = ["--array=0-1%3", "--requeue", "--signal=B:USR1@120", "--partition=gpu", "--time=04:00:00",
              "--gpus-per-task=1", "--cpus-per-task=8", "--account=lab"]  # fmt: skip
    assert {f"#SBATCH {option}" for option in wanted} <= set(lines)
    rows = [json.loads(line) for line in script.with_suffix(".jsonl").read_text().splitlines()]
    assert [row["config"]["arm"] for row in rows] == ["a", "b"]
    assert all(row["config"]["trainer"]["threads"] == 2 for row in rows)
    assert not slurm.exists()
    with pytest.raises(UserError, match="runs 0 to 1; got 2"):
        read_task(script.with_suffix(".jsonl"), 2)


RECORDING = """#!/bin/bash
echo "$@" >> {calls}
n=$(wc -l < {calls})
echo $((100 + n))
"""


@pytest.fixture
def recording(slurm):
    """sbatch that notes its arguments and gives the numbers 101, 102, ..., running nothing."""
    (slurm.parent / "bin" / "sbatch").write_text(RECORDING.format(calls=slurm))
    return slurm


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pretend_done(row):
    write_json(Path(row["directory"]) / "status.json", {"status": "done"})
    write_json(Path(row["directory"]) / "results.json", {"metrics": {"test/accuracy": 1.0}})


def test_a_table_that_was_submitted_is_never_changed(tmp_path, outputs, recording, capsys):
    """Whatever ends, and whatever is launched or tried in between, task i of a submission is the run it was."""
    path = study(tmp_path, seeds=[0, 1])
    assert run(["launch", "slurm", path]) == 0
    folder = outputs / "toy/slurm/001"
    before = content(folder)
    rows = [read_task(folder / "runs.jsonl", index) for index in range(4)]
    for done, again in ((rows[0], ["--dry-run"]), (rows[2], []), (rows[1], ["--dry-run"]), (None, [])):
        if done is not None:
            pretend_done(done)
        assert run(["launch", "slurm", path, *again]) == 0
        assert content(folder) == before
    assert sorted(path.name for path in (outputs / "toy/slurm").iterdir()) == ["001", "002", "003", "dry-runs"]
    assert sorted(path.name for path in (outputs / "toy/slurm/dry-runs").iterdir()) == ["001", "002"]
    left = [json.loads(line) for line in (outputs / "toy/slurm/003/runs.jsonl").read_text().splitlines()]
    assert [row["directory"] for row in left] == [rows[3]["directory"]]
    assert [line.split()[-1] for line in recording.read_text().splitlines()] == [
        str(outputs / f"toy/slurm/{number}/runs.sbatch") for number in ("001", "002", "003")
    ]


@pytest.mark.parametrize("configured", [True, False])
def test_an_array_has_no_more_tasks_than_slurm_takes(configured, tmp_path, outputs, recording, capsys):
    limit = [] if configured else ["--array-size", "2"]
    recording.with_suffix(".config").write_text("MaxArraySize = 2\n" if configured else "nothing\n")
    assert run(["launch", "slurm", study(tmp_path, seeds=[0, 1, 2], arms={"a": []}), *limit]) == 0
    folder = outputs / "toy/slurm/001"
    told = capsys.readouterr().out.splitlines()
    assert told == [f"{folder}/runs-1.sbatch  job 101", f"{folder}/runs-2.sbatch  job 102"]
    assert "--array=0-1%16" in (folder / "runs-1.sbatch").read_text()
    assert "--array=0-0%16" in (folder / "runs-2.sbatch").read_text()
    calls = recording.read_text().splitlines()
    assert "--dependency" not in calls[0]
    assert "--dependency=afterany:101 " in calls[1]  # no more at a time than asked for
    seeds = [json.loads(line)["config"]["seed"]["model"] for n in (1, 2)
             for line in (folder / f"runs-{n}.jsonl").read_text().splitlines()]  # fmt: skip
    assert seeds == [0, 1, 2]


def test_a_script_holds_what_prepares_its_runs_and_any_path(tmp_path, monkeypatch, recording):
    outputs = tmp_path / "my outputs 100% 'mine'"
    monkeypatch.setenv("INTERLACE_OUTPUTS", str(outputs))
    (tmp_path / "setup.sh").write_text("module load cuda/12\nsource 'my env/bin/activate'\n")
    options = ["--setup-file", str(tmp_path / "setup.sh"), "--setup", "export A=1"]
    assert run(["launch", "slurm", study(tmp_path, arms={"a": []}), *options]) == 0
    script = outputs / "toy/slurm/001/runs.sbatch"
    lines = script.read_text().splitlines()
    output = next(line for line in lines if line.startswith("#SBATCH --output="))
    assert shlex.split(output.removeprefix("#SBATCH ")) == [
        f"--output={str(script.parent).replace('%', '%%')}/%A_%a.log"
    ]
    started = next(i for i, line in enumerate(lines) if "-m interlace launch task" in line)
    assert shlex.split(lines[started])[5] == str(script.with_suffix(".jsonl"))
    places = [lines.index(line) for line in ("module load cuda/12", "source 'my env/bin/activate'", "export A=1")]
    assert max(i for i, line in enumerate(lines) if line.startswith("#SBATCH")) < places[0]
    assert places == sorted(places)
    assert places[-1] < started
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert run(["launch", "slurm", study(tmp_path), "--setup-file", "nowhere.sh"]) == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["trainer=gpu"], "use a GPU, but their tasks request none; add --gpus 1"),
        (["trainer=gpu", "trainer.devices=2", "trainer.strategy=ddp", "--gpus", "1"], "got 2, but a task requests 1"),
        (["trainer=multinode", "--gpus", "8"], "trainer.num_nodes: got 2, but each task of an array runs on one host"),
    ],
)
def test_runs_that_a_task_cannot_make_are_refused(arguments, expected, tmp_path, outputs, recording, capsys):
    assert run(["launch", "slurm", study(tmp_path), *arguments]) == 2
    assert expected in capsys.readouterr().err
    assert not (outputs / "toy/slurm").exists()
    assert not recording.exists()


def test_gpus_may_be_asked_for_in_slurms_own_words(tmp_path, outputs, recording):
    assert run(["launch", "slurm", study(tmp_path), "trainer=gpu", "--sbatch=--gres=gpu:a100:1"]) == 0


def test_what_decides_is_submitted_before_what_it_decides(tmp_path, outputs, slurm, capsys):
    tuning = {"trials": 2, "space": {"optimizer.learning_rate": [0.001, 0.01]}, "metric": "val/accuracy"}
    path = study(tmp_path, tuning=tuning)
    assert run(["launch", "slurm", path, "--dry-run"]) == 0
    told = capsys.readouterr().out.splitlines()
    folder = outputs / "toy/slurm/dry-runs"
    assert told[0] == str(folder / "001/trials.sbatch")
    assert told[1:] == ["the runs depend on how these end; once they have ended, give the same command again"]
    trials = [json.loads(line) for line in (folder / "001/trials.jsonl").read_text().splitlines()]
    assert len(trials) == 4  # two for each arm
    for trial in trials:
        rate = trial["config"]["optimizer"]["learning_rate"]
        write_json(Path(trial["directory"]) / "status.json", {"status": "done"})
        write_json(Path(trial["directory"]) / "results.json", {"metrics": {"val/accuracy": rate}})
    assert run(["launch", "slurm", path, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(folder / "002/runs.sbatch")]
    runs = [json.loads(line) for line in (folder / "002/runs.jsonl").read_text().splitlines()]
    assert [row["config"]["optimizer"]["learning_rate"] for row in runs] == [0.01, 0.01]


def test_without_slurm_it_says_so(tmp_path, outputs, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["launch", "slurm", study(tmp_path)]) == 2
    assert "sbatch: not found on this machine" in capsys.readouterr().err


@pytest.mark.slow
def test_a_preempted_task_is_requeued_and_goes_on_by_itself(tmp_path, outputs, slurm, capsys):
    path = study(tmp_path, arms={"a": []})
    assert run(["launch", "slurm", path]) == 0
    assert capsys.readouterr().out.strip().endswith("runs.sbatch  job 7")
    calls = slurm.read_text().splitlines()
    assert calls[0].startswith("sbatch --parsable ")
    assert calls[1:] == ["scontrol requeue 7_0", "task 0 attempt 0 exit 138", "task 0 attempt 1 exit 0"]
    done = interlace.load_run(next(outputs.glob("toy/a-*/seed-0")))
    assert done.status["status"] == "done"
    directly = interlace.train(done.config, outputs=tmp_path / "other", quiet=True)
    assert done.metrics == directly.metrics
    assert torch.equal(*(w.head_weight for w in map(_Weights, (done, directly))))
    assert make_task(outputs / "toy/slurm/001/runs.jsonl", 0) == done.directory
    assert run(["launch", "slurm", path]) == 0
    assert "every run is finished" in capsys.readouterr().out


class _Weights:
    def __init__(self, made):
        state = torch.load(made.directory / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        self.head_weight = torch.cat([value.flatten() for value in state.values()])


@pytest.mark.slow
def test_launch_local_runs_in_slots(tmp_path, outputs, capsys):
    path = study(tmp_path, seeds=[0])
    assert run(["launch", "local", path, "--slots", "2", "trainer.max_epochs=1"]) == 0
    assert capsys.readouterr().out.strip().endswith("index.html")
    assert len(list(outputs.glob("toy/*/seed-0/results.json"))) == 2


@pytest.mark.parametrize("options", [[], ["--slots", "1", "--gpus", "0"], ["--gpus", "0,0"], ["--gpus", "0,"]])
def test_launch_local_is_told_what_to_use(options, tmp_path, outputs, capsys):
    assert run(["launch", "local", study(tmp_path), *options]) == 2
    assert "--gpus" in capsys.readouterr().err


def test_each_run_sees_one_gpu(tmp_path, monkeypatch):
    from interlace.studies import workers

    seen = []
    monkeypatch.setattr(os, "dup2", lambda *_: None)

    def make(*_, **__):
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
        return True

    monkeypatch.setattr("interlace.training.make", make)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    config = {"trainer": {"threads": 1}}
    assert workers.make_run(config, [], tmp_path / "a/b/c/d", 1, "3", connection=None) == 0
    assert seen == ["3"]


def test_torchrun_prints_the_command_of_a_host(outputs, capsys):
    assert run(["launch", "torchrun", "--head", "node1", "experiment=scenes", "trainer=multinode"]) == 0
    words = capsys.readouterr().out.split()
    assert words[0] == sys.executable
    assert words[1:3] == ["-m", "torch.distributed.run"]
    assert {"--nnodes=2", "--nproc-per-node=8", "--rdzv-endpoint=node1:29400"} <= set(words)
    assert words[-6:] == ["-m", "interlace", "--plugin=tests", "train", "experiment=scenes", "trainer=multinode"]


@pytest.mark.parametrize(
    ("time", "hours"),
    [
        ("90", 1.5),
        ("90:00", 1.5),
        ("01:30:00", 1.5),
        ("1-12", 36),
        ("1-12:30", 36.5),
        ("2-00:00:36", 48.01),
        ("x", None),
    ],
)
def test_time_limits_are_read_as_sbatch_reads_them(time, hours):
    assert hours_of(time) == (None if hours is None else pytest.approx(hours))
