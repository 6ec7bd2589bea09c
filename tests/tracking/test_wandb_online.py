"""The logger with a server: the real client against a server on this machine that fails on demand."""

import json
import os
import signal
import time

import pytest

import interlace
from interlace.tracking.files import write_json, write_yaml
from interlace.tracking.identity import run_directory
from interlace.tracking.metrics_file import MetricsFile, read_metrics
from interlace.tracking.wandb_client import is_uploaded, segments, service_process, transaction_log
from interlace.tracking.wandb_logger import WandbRunLogger, run_id
from interlace.tracking.wandb_records import rows_and_end
from interlace.tracking.wandb_sync import unsynced, upload

RESULTS = {
    "metrics": {"val/accuracy": 0.5, "test/accuracy": 0.25},
    "num_parameters": 7,
    "checkpoint": "checkpoints/best.ckpt",
}


@pytest.fixture(scope="module")
def config():
    return interlace.compose(["experiment=scenes", "logger=wandb", "tags=[mine]", "data.num_train=64"])


@pytest.fixture
def directory(config, tmp_path):
    return make_directory(config, tmp_path)


def make_directory(config, root, weights=b"weights", parents=()):
    """A run's directory as it is when the logger opens, with the checkpoint that it will have."""
    directory = run_directory(config, root)
    write_yaml(directory / "config.yaml", config)
    write_json(
        directory / "manifest.json",
        {"git": None, "data_fingerprint": "f00d", "parents": {str(path): "0" for path in parents}},
    )
    (directory / "checkpoints").mkdir()
    (directory / "checkpoints" / "best.ckpt").write_bytes(weights)
    return directory


class Training:
    """What a run does with its logger, without the training."""

    def __init__(self, config, directory, **options):
        node = {key: value for key, value in config["logger"].items() if key != "_target_"}
        self.run_logger = WandbRunLogger(**node | {"start_timeout": 3.0, "finish_timeout": 3.0} | options)
        self.config, self.directory = config, directory
        self.metrics = MetricsFile(directory / "metrics.jsonl")

    def start(self, step=-1):
        write_json(self.directory / "status.json", {"status": "running"})
        self.metrics.rewind(step)
        self.loggers = [self.metrics, *self.run_logger.open(self.config, self.directory)]
        return self

    def steps(self, *numbers):
        for number in numbers:
            for logger in self.loggers:
                logger.log_metrics({"train/loss": 1.0 / number, "epoch": 0}, number)

    def end(self, exit_code=0):
        write_json(self.directory / "results.json", RESULTS)
        self.run_logger.close(RESULTS, self.directory, exit_code)
        write_json(self.directory / "status.json", {"status": "done"})


def columns(run):
    return [row["step"] for row in run.rows if "train/loss" in row]


def rows_on_disk(directory, name):
    return sum(rows_and_end(transaction_log(path))[0] for path in segments(directory, name))


def wait_for(condition, seconds=15):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.05)


def test_a_run_arrives_under_its_own_names(wandb_server, config, directory):
    training = Training(config, directory).start()
    training.steps(*range(1, 6))
    training.end()
    run = wandb_server.only_run()
    assert run.name == run_id(config)
    assert run.fields["groupName"] == f"scenes/{directory.parent.name}"
    assert run.fields["displayName"] == "attention-seed-0"
    assert {"scenes", "attention", "mine"} <= set(run.fields["tags"])
    sent = {key: value for key, value in config.items() if value != {}}  # the client leaves out what is empty
    assert {key: value for key, value in run.values.items() if key in config} == json.loads(json.dumps(sent))
    assert columns(run) == [1, 2, 3, 4, 5]
    assert [row["_step"] for row in run.rows] == list(range(len(run.rows)))
    assert [row["train/loss"] for row in run.rows[:5]] == [1 / n for n in range(1, 6)]
    assert run.summary["test/accuracy"] == 0.25
    assert (run.state, run.exit_code) == ("finished", 0)
    assert is_uploaded(segments(directory, run.name)[0])
    assert not unsynced(directory)


def test_the_public_api_reads_it_back(wandb_server, config, directory):
    import wandb

    training = Training(config, directory).start()
    training.steps(1, 2, 3)
    training.end()
    read = wandb.Api().run(f"tester/interlace/{run_id(config)}")
    assert read.group == f"scenes/{directory.parent.name}"
    assert read.state == "finished"
    assert read.config["data"]["num_train"] == 64
    assert read.summary["test/accuracy"] == 0.25
    assert [row["train/loss"] for row in read.scan_history(keys=["train/loss"])] == [1, 1 / 2, 1 / 3]
    assert {a.type for a in read.used_artifacts()} == {"dataset"}
    assert {a.type for a in read.logged_artifacts()} == {"model"}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["online", "offline"])
def test_a_killed_run_goes_on_without_a_gap_or_a_row_twice(mode, wandb_server, config, directory):
    """Killed after step 9 and resumed from step 6; then steps 7 to 9 are made once more."""
    process = os.fork()
    if not process:  # no torch is at work here, so that a fork is safe
        Training(config, directory, mode=mode).start().steps(*range(1, 10))
        time.sleep(60)  # until the parent kills it
    wait_for(lambda: rows_on_disk(directory, run_id(config)) >= 9)
    if mode == "online":
        wait_for(lambda: len(wandb_server.only_run().rows) == 9, seconds=30)  # posted every 15 s
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    training = Training(config, directory, mode=mode).start(step=6)
    training.steps(*range(7, 13))
    training.end()
    assert [row["step"] for row in read_metrics(directory / "metrics.jsonl")] == list(range(1, 13))
    if mode == "offline":
        (found,) = unsynced(directory)
        assert upload([found]) == {}
        assert not unsynced(directory)
    run = wandb_server.only_run()
    assert columns(run) == list(range(1, 13))
    assert [row["_step"] for row in run.rows] == list(range(len(run.rows)))
    assert run.history.overwritten == 0
    assert (run.state, run.exit_code) == ("finished", 0)


def test_rows_that_a_kill_kept_from_the_server_are_added(wandb_server, config, directory):
    """The server has 2 rows of 6 when the run goes on from step 6."""
    training = Training(config, directory).start()
    training.steps(*range(1, 7))
    training.run_logger.run.finish(exit_code=1)
    run = wandb_server.only_run()
    del run.history.lines[2:]
    run.summary |= {"_step": 1, "step": 2}
    training = Training(config, directory).start(step=6)
    training.steps(7, 8)
    training.end()
    assert columns(run) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert run.rows[5]["train/loss"] == 1 / 6


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["slow", "error", "refuse", "absent"])
def test_a_server_that_fails_in_the_midst_costs_a_bounded_time_and_no_row(
    mode, wandb_server, config, directory, caplog
):
    training = Training(config, directory).start()
    training.steps(1, 2, 3)
    wandb_server.delay = 2.0
    if mode == "absent":
        wandb_server.close()
    else:
        wandb_server.mode = mode
    started = time.monotonic()
    training.steps(4, 5, 6)
    assert time.monotonic() - started < 1
    training.end()
    assert time.monotonic() - started < 10
    wandb_server.mode = "ok"
    if mode == "absent":
        wandb_server.open()
    if mode == "slow" and not unsynced(directory):  # it may have been in time
        return
    assert f"`interlace sync {directory}` uploads them later" in caplog.text
    (found,) = unsynced(directory)
    assert upload([found]) == {}
    assert not unsynced(directory)
    run = wandb_server.only_run()
    assert columns(run) == [1, 2, 3, 4, 5, 6]
    assert run.summary["test/accuracy"] == 0.25
    assert (run.state, run.exit_code) == ("finished", 0)
    assert {"model", "dataset"} <= {a.kind for a in run.logged + run.used}
    assert all(artifact.state == "COMMITTED" for artifact in run.logged + run.used)


@pytest.mark.slow
def test_a_service_of_the_client_that_hangs_is_stopped_in_time(wandb_server, config, directory, caplog):
    """The client's `finish` waits for its service without a limit of its own."""
    training = Training(config, directory).start()
    training.steps(1, 2, 3)
    time.sleep(2.5)  # the service writes its log every second
    stuck = service_process()
    os.kill(stuck.pid, signal.SIGSTOP)
    started = time.monotonic()
    training.end()
    assert time.monotonic() - started < 12
    assert stuck.poll() == -signal.SIGKILL
    assert f"`interlace sync {directory}` uploads them later" in caplog.text
    (found,) = unsynced(directory)
    assert upload([found]) == {}
    assert columns(wandb_server.only_run()) == [1, 2, 3]
    again = make_directory(config, directory.parent / "again")
    training = Training(config, again).start()
    training.steps(1)
    training.end()
    assert not unsynced(again)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["error", "refuse", "absent"])
def test_a_server_that_fails_at_the_start_makes_the_run_offline(mode, wandb_server, config, directory, caplog):
    if mode == "absent":
        wandb_server.close()
    wandb_server.mode = mode
    started = time.monotonic()
    training = Training(config, directory).start()
    assert time.monotonic() - started < 10
    training.steps(1, 2)
    training.end()
    assert "did not start online" in caplog.text
    assert f"interlace sync {directory}" in caplog.text
    (found,) = unsynced(directory)
    reasons = upload([found])
    assert list(reasons) == [found]
    assert unsynced(directory) == [found]
    wandb_server.mode = "ok"
    if mode == "absent":
        wandb_server.open()
    assert upload([found]) == {}
    assert columns(wandb_server.only_run()) == [1, 2]
    assert not unsynced(directory)


def test_what_comes_from_what_is_kept_by_checksum(wandb_server, config, tmp_path):
    """data -> model of a pretraining -> model of a fine-tuning; the same data are one version."""
    import wandb

    first = make_directory(config, tmp_path)
    (first / "tokenizer.json").write_text("{}")
    training = Training(config, first).start()
    training.steps(1)
    training.end()
    second = make_directory({**config, "arm": "tuned"}, tmp_path, b"other", parents=[first])
    training = Training({**config, "arm": "tuned"}, second).start()
    training.steps(1)
    training.end()
    state = wandb_server.state
    pretrained, tuned = (run for run in state.runs.values())
    assert {a.kind for a in pretrained.used} == {"dataset"}
    assert {a.kind for a in pretrained.logged} == {"model", "tokenizer"}
    assert {a.kind for a in tuned.used} == {"dataset", "model"}
    (model,) = (a for a in pretrained.logged if a.kind == "model")
    assert model in tuned.used
    assert len([a for a in state.artifacts if a.kind == "dataset"]) == 1
    assert all(entry["ref"] for a in state.artifacts for entry in a.entries.values())
    assert not any(a.files for a in state.artifacts)
    read = wandb.Api().run(f"tester/interlace/{tuned.name}")
    (parent,) = (a for a in read.used_artifacts() if a.type == "model")
    assert parent.logged_by().id == pretrained.name
