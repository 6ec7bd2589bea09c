"""A run on two hosts, each a network namespace, is the run of one process."""

import os
import shutil
import subprocess
import sys

import pytest

import interlace
from tests.acceptance import hosts
from tests.acceptance.hosts import TwoHosts
from tests.acceptance.test_ranks import TINY, same_figures, trained

MULTINODE = [
    "trainer=multinode", "trainer.accelerator=cpu", "trainer.devices=1", "trainer.precision=32-true",
    "trainer.threads=1",
]  # fmt: skip
SECONDS = 540


@pytest.mark.slow
def test_two_hosts_are_one_process(tmp_path):
    """What `interlace launch torchrun` starts on each host, over the cable between them."""
    command = [sys.executable, "-m", "interlace", "launch", "torchrun", "--run", "--head", TwoHosts.names[0]]
    environment = {**os.environ, "INTERLACE_OUTPUTS": str(tmp_path / "outputs"), "OMP_NUM_THREADS": "1"}
    with TwoHosts(tmp_path) as two:
        before = [two.sent(index) for index in (0, 1)]
        started = [two.start(index, [*command, *TINY, *MULTINODE], environment) for index in (0, 1)]
        try:
            told = [process.communicate(timeout=SECONDS) for process in started]
        finally:
            for process in started:
                process.kill()
        sent = [two.sent(index) - earlier for index, earlier in enumerate(before)]
    for process, (_, errors) in zip(started, told, strict=True):
        assert process.returncode == 0, errors[-2000:]
    directory = told[0][0].strip().splitlines()[-1]
    assert directory.endswith("seed-0")
    assert not told[1][0].strip(), "the second host says nothing: rank zero alone speaks"
    run = interlace.load_run(directory)
    assert run.status["host"] == TwoHosts.names[0]
    gradients = 4 * run.results["num_trainable_parameters"] * 50
    assert all(each > gradients for each in sent), "gradients of 50 steps went over the cable"
    same_figures(trained(tmp_path / "alone"), run)


def test_what_the_machine_lacks_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "ip" else f"/bin/{name}")
    assert hosts.missing_programs() == "two hosts as network namespaces need `ip` (iproute2)"


def test_what_the_machine_forbids_is_named(monkeypatch):
    denied = subprocess.CompletedProcess([], 1, "", "mount --make-shared /run/netns failed: Operation not permitted\n")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: denied)
    with pytest.raises(pytest.skip.Exception, match=r"`ip netns add x` is not allowed here: mount .* not permitted"):
        hosts.set_up("ip", "netns", "add", "x")
