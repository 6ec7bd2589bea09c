"""Small whole runs."""

import multiprocessing
import os
import signal
import time

import pytest

TINY = [
    "experiment=scenes", "data.num_train=256", "data.num_val=64", "data.num_test=64", "data.batch_size=32",
    "trainer.max_epochs=2", "checkpoint.every_n_train_steps=3", "trainer.log_every_n_steps=1", "logger=none",
    "trainer.threads=1", "fusion.dim=16", "fusion.num_layers=1", "fusion.dropout=0.1",
]  # fmt: skip


@pytest.fixture
def tiny():
    """Overrides of a run of 2 epochs of 8 steps, with dropout."""
    return list(TINY)


def _die_at(config, outputs, step, number, pause, task):
    """Trains in this process and sends it a signal before the given step's update."""
    import torch

    from interlace.tasks.language import LanguageTask
    from interlace.tasks.supervised import SupervisedTask
    from interlace.tracking.checkpoints import Preempted
    from interlace.training import train

    torch.set_num_threads(1)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests run under nohup, and so not acted on
    kind = LanguageTask if task == "language" else SupervisedTask
    original = kind.on_train_batch_start

    def die(self, batch, batch_idx):
        if self.global_step == step:
            time.sleep(pause)
            os.kill(os.getpid(), number)
        original(self, batch, batch_idx)

    kind.on_train_batch_start = die
    try:
        train(config, outputs=outputs, quiet=True)
    except Preempted as stop:
        raise SystemExit(stop.exit_code) from None


@pytest.fixture(scope="session")
def die_at():
    """die_at(config, outputs, step, signal) -> exit code of a process that got the signal at that step."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["interlace.studies.preload"])

    def start(config, outputs, step, number=signal.SIGKILL, pause=0.0, task="supervised"):
        process = context.Process(target=_die_at, args=(config, outputs, step, number, pause, task))
        process.start()
        process.join(120)
        return process.exitcode

    return start
