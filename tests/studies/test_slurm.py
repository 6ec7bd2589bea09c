"""Arrays of SLURM jobs, run here by stand-ins for sbatch and scontrol, with a task that is preempted and requeued."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest
import torch

import interlace
from interlace.cli.application import run
from interlace.errors import UserError
from interlace.studies.slurm import make_task, read_task
from interlace.tracking.files import write_json, write_yaml

SMALL = [
    "experiment=scenes", "data.num_train=96", "data.num_val=32", "data.num_test=32", "data.batch_size=32",
    "training.max_epochs=15", "training.checkpoint_every_steps=1", "training.log_every_steps=1", "logger=none",
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
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scontrol", SCONTROL)):
        path = folder / name
        path.write_text(text.format(python=sys.executable, calls=str(calls)))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return calls


def test_a_dry_run_writes_the_script_and_submits_nothing(tmp_path, outputs, slurm, capsys):
    arguments = [
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
    script = outputs / "toy/slurm/runs.sbatch"
    assert capsys.readouterr().out.strip() == str(script)
    lines = script.read_text().splitlines()
    wanted = ["--array=0-1%3", "--requeue", "--signal=B:USR1@120", "--partition=gpu", "--time=04:00:00",
              "--gpus-per-task=1", "--cpus-per-task=8", "--account=lab"]  # fmt: skip
    assert {f"#SBATCH {option}" for option in wanted} <= set(lines)
    rows = [json.loads(line) for line in (outputs / "toy/slurm/runs.jsonl").read_text().splitlines()]
    assert [row["config"]["arm"] for row in rows] == ["a", "b"]
    assert all(row["config"]["trainer"]["threads"] == 2 for row in rows)
    assert not slurm.exists()
    with pytest.raises(UserError, match="runs 0 to 1; got 2"):
        read_task(outputs / "toy/slurm/runs.jsonl", 2)


def test_what_decides_is_submitted_before_what_it_decides(tmp_path, outputs, slurm, capsys):
    tuning = {"trials": 2, "space": {"optimizer.learning_rate": [0.001, 0.01]}, "metric": "val/accuracy"}
    path = study(tmp_path, tuning=tuning)
    assert run(["launch", "slurm", path, "--dry-run"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == str(outputs / "toy/slurm/trials.sbatch")
    assert told[1:] == ["the runs depend on how these end; once they have ended, give the same command again"]
    trials = [json.loads(line) for line in (outputs / "toy/slurm/trials.jsonl").read_text().splitlines()]
    assert len(trials) == 4  # two for each arm
    for trial in trials:
        rate = trial["config"]["optimizer"]["learning_rate"]
        write_json(Path(trial["directory"]) / "status.json", {"status": "done"})
        write_json(Path(trial["directory"]) / "results.json", {"metrics": {"val/accuracy": rate}})
    assert run(["launch", "slurm", path, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(outputs / "toy/slurm/runs.sbatch")]
    runs = [json.loads(line) for line in (outputs / "toy/slurm/runs.jsonl").read_text().splitlines()]
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
    assert make_task(outputs / "toy/slurm/runs.jsonl", 0) == done.directory
    assert run(["launch", "slurm", path]) == 0
    assert "every run is done" in capsys.readouterr().out


class _Weights:
    def __init__(self, made):
        state = torch.load(made.directory / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        self.head_weight = torch.cat([value.flatten() for value in state.values()])


@pytest.mark.slow
def test_launch_local_runs_in_slots(tmp_path, outputs, capsys):
    path = study(tmp_path, seeds=[0])
    assert run(["launch", "local", path, "--slots", "2", "training.max_epochs=1"]) == 0
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
    assert words[-5:] == ["-m", "interlace", "train", "experiment=scenes", "trainer=multinode"]
