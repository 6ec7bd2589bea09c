"""Several processes at one run: the figures of one process, whatever happens to them on the way."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

import interlace
from interlace.errors import RunFailure, UserError
from interlace.tasks import ranks
from interlace.tracking.checkpoints import Preempted
from interlace.tracking.identity import run_directory
from interlace.tracking.launching import GRACE_SECONDS, Ranks
from interlace.tracking.lock import LockedError, RunLock
from interlace.tracking.metrics_file import read_metrics

pytestmark = pytest.mark.slow

TINY = [
    "experiment=scenes", "data.num_train=232", "data.num_val=42", "data.num_test=43", "data.batch_size=16",
    "trainer.max_epochs=4", "trainer.max_steps=50", "checkpoint.every_n_train_steps=5",
    "trainer.log_every_n_steps=10", "logger=none", "trainer.threads=1", "fusion.dim=16", "fusion.num_layers=1",
    "fusion.dropout=0", "encoder.text.dropout=0", "encoder.text.dim=16", "optimizer=sgd",
]  # fmt: skip
TWO = ["trainer=ddp_cpu", "trainer.threads=1"]
LANGUAGE = [
    "experiment=pretrain/gpt", "data.name=null", "tokenizer.vocabulary_size=300", "data.block_length=32",
    "data.batch_size=6", "logger=none", "model.dim=16", "model.num_layers=2", "model.num_heads=2",
    "model.feed_forward_dim=32", "model.dropout=0", "trainer.max_epochs=2", "trainer.steps_per_epoch=25",
    "trainer.log_every_n_steps=10", "optimizer=adamw", "optimizer.eps=1e-4", "trainer.threads=1",
]  # fmt: skip


def trained(outputs, *overrides):
    return interlace.train(interlace.compose([*TINY, *overrides]), outputs=outputs, quiet=True)


def weights(run, name="last"):
    return torch.load(run.directory / f"checkpoints/{name}.ckpt", weights_only=True)["state_dict"]


def same_figures(one, two):
    assert one.directory.name == two.directory.name
    assert one.directory.parent.name == two.directory.parent.name, "the same run, wherever it computes"
    for name, value in weights(one).items():
        torch.testing.assert_close(weights(two)[name], value, rtol=0, atol=1e-6)
    assert one.metrics.keys() == two.metrics.keys()
    for name, value in one.metrics.items():
        if not name.startswith("speed/"):
            assert two.metrics[name] == pytest.approx(value, abs=1e-6, rel=1e-6, nan_ok=True), name
    rows = [read_metrics(run.directory / "metrics.jsonl") for run in (one, two)]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
    for first, second in zip(*rows, strict=True):
        for name in [name for name in first if name != "time" and not name.startswith("speed/")]:
            assert second[name] == pytest.approx(first[name], abs=1e-6, rel=1e-6), name


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("one"))


def test_two_ranks_are_one_rank(one, tmp_path):
    two = trained(tmp_path, *TWO)
    assert two.status["status"] == "done"
    same_figures(one, two)
    assert len(two.predictions) == 43
    assert two.predictions["id"].tolist() == one.predictions["id"].tolist()
    np.testing.assert_allclose(two.predictions.filter(regex="^p/"), one.predictions.filter(regex="^p/"), atol=1e-6)
    assert {p.name for p in two.directory.iterdir()} == {p.name for p in one.directory.iterdir()}


def test_two_ranks_that_accumulate_are_one_batch(one, tmp_path):
    """The last group of an epoch has one batch of 8 rows of two; the others have two of 16."""
    two = trained(tmp_path, *TWO, "data.batch_size=8", "trainer.accumulate_grad_batches=2")
    for name, value in weights(one).items():
        torch.testing.assert_close(weights(two)[name], value, rtol=0, atol=1e-6)
    assert two.metrics == pytest.approx(one.metrics, abs=1e-6, rel=1e-6)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "dogs", "ran", "home"]
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(" ".join(words[(i * j + i) % 10] for j in range(1, 12)) + "." for i in range(300)))
    return path


@pytest.fixture(scope="module")
def language(text, tmp_path_factory):
    config = interlace.compose([*LANGUAGE, f"data.train=[{text}]"])
    return config, interlace.train(config, outputs=tmp_path_factory.mktemp("language"), quiet=True)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_language_model_of_two_ranks_is_that_of_one(strategy, text, language, tmp_path):
    config = interlace.compose([*LANGUAGE, f"data.train=[{text}]", *TWO, f"trainer.strategy={strategy}"])
    same_figures(language[1], interlace.train(config, outputs=tmp_path, quiet=True))


def _rank_that_gets_a_signal(order):
    """Trains as a rank; one of them gets a signal before the given step's update."""
    from interlace import training
    from interlace.tasks.base import Task

    number, who, step, *rest = order
    original = Task.on_train_batch_start

    def get(self, batch, batch_idx):
        if self.global_step == step and ranks.rank() == who:
            os.kill(os.getpid(), number)
        original(self, batch, batch_idx)

    Task.on_train_batch_start = get
    training._train_as_rank(tuple(rest))


def with_signal(outputs, number, who, step, overrides=TINY, strategy="ddp"):
    config = interlace.compose([*overrides, *TWO, f"trainer.strategy={strategy}"])
    directory = run_directory(config, outputs)
    started = Ranks(_rank_that_gets_a_signal, (number, who, step, config, directory, [], True), 2)
    begun = time.monotonic()
    started.wait()
    assert not any(process.is_alive() for process in started.processes)
    return started, directory, time.monotonic() - begun


@pytest.mark.parametrize("who", [0, 1])
def test_a_killed_rank_ends_the_others_and_the_run_goes_on_with_one(who, one, tmp_path):
    started, directory, seconds = with_signal(tmp_path, signal.SIGKILL, who, step=17)
    assert seconds < GRACE_SECONDS + 40
    with pytest.raises(RunFailure, match=f"rank {who} ended by SIGKILL.*continues from its last checkpoint"):
        started.raise_for(directory)
    status = interlace.load_run(directory).status
    assert status["status"] == "failed"
    assert "SIGKILL" in status["error"]
    assert torch.load(directory / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 15
    same_figures(one, trained(tmp_path))


def test_a_signal_to_one_rank_saves_at_a_step_that_all_have_done(one, tmp_path):
    started, directory, _ = with_signal(tmp_path, signal.SIGUSR1, 1, step=17)
    with pytest.raises(Preempted, match="SIGUSR1"):
        started.raise_for(directory)
    assert interlace.load_run(directory).status["status"] == "preempted"
    assert torch.load(directory / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 18
    same_figures(one, trained(tmp_path, *TWO))


@pytest.mark.parametrize("trainer", [[], [*TWO, "trainer.strategy=fsdp"]])
def test_shards_are_saved_whole_and_resumed_by_any_number(trainer, text, language, tmp_path):
    overrides = [*LANGUAGE, f"data.train=[{text}]"]
    started, directory, _ = with_signal(tmp_path, signal.SIGUSR1, 0, 30, overrides, "fsdp")
    with pytest.raises(Preempted):
        started.raise_for(directory)
    state = torch.load(directory / "checkpoints/last.ckpt", weights_only=True)
    assert state["global_step"] == 31
    whole = {name: value.shape for name, value in weights(language[1]).items()}
    assert {name: value.shape for name, value in state["state_dict"].items()} == whole
    same_figures(language[1], interlace.train(interlace.compose([*overrides, *trainer]), outputs=tmp_path, quiet=True))


def test_sigterm_to_the_launcher_saves(tmp_path):
    """The launcher is this process: it hands the signal on, and ends when the ranks have saved."""
    directory = run_directory(interlace.compose([*TINY, *TWO]), tmp_path)

    def stop():
        while not (directory / "checkpoints/last.ckpt").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(Preempted, match="SIGTERM"):
        trained(tmp_path, *TWO)
    assert interlace.load_run(directory).status["status"] == "preempted"
    step = torch.load(directory / "checkpoints/last.ckpt", weights_only=True)["global_step"]
    assert 5 <= step < 50
    assert RunLock(directory).holder() is None


def test_what_cannot_be_shared_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"batch_size: got 15.*2 cannot share evenly"):
        trained(tmp_path, *TWO, "data.batch_size=15")
    with pytest.raises(UserError, match=r"alignment: .*use one device"):
        trained(tmp_path, *TWO, "alignment=contrastive")
    with pytest.raises(UserError, match=r"callbacks.ema: .*strategy=ddp"):
        trained(tmp_path, *TWO, "trainer.strategy=fsdp", "callbacks=[ema]")
    with pytest.raises(UserError, match="num_nodes: 2 hosts"):
        trained(tmp_path, *TWO, "trainer.num_nodes=2")


def test_a_run_that_another_process_is_at_is_left_alone(tmp_path):
    directory = run_directory(interlace.compose([*TINY, *TWO]), tmp_path)
    with RunLock(directory), pytest.raises(LockedError, match=f"process {os.getpid()}"):
        trained(tmp_path, *TWO)
    assert not (directory / "status.json").exists()


def test_torchrun_starts_the_ranks(one, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "interlace"]
    environment = {**os.environ, "INTERLACE_OUTPUTS": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "train", *TINY, *TWO], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert lines[-1].endswith("seed-0")
    assert len([line for line in lines if line.startswith("test/accuracy ")]) == 1, "rank zero alone speaks"
    same_figures(one, interlace.load_run(lines[-1]))
