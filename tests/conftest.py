"""What all tests share: outputs and caches of their own, one thread, no network loggers, no deadlines."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No property test depends on the speed of the machine.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["INTERLACE_PLUGINS"] = "tests"  # whose conf/ has the components that tests bring
ROOT = str(Path(__file__).parents[1])  # processes that tests start elsewhere find the package "tests" here
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), ROOT]))
os.environ.pop("WANDB_API_KEY", None)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _shared_cache(tmp_path_factory, worker_id):
    """One cache for all workers of a test session, so that data are generated once."""
    root = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    os.environ["INTERLACE_CACHE"] = str(root / "cache")


@pytest.fixture(autouse=True)
def _same_variables():
    """No test leaves a variable of interlace changed for those after it, nor does what it calls."""
    before = _own_variables()
    yield
    assert _own_variables() == before


def _own_variables():
    return {name: value for name, value in os.environ.items() if name.startswith("INTERLACE_")}


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """The outputs folder of one test."""
    monkeypatch.setenv("INTERLACE_OUTPUTS", str(tmp_path / "outputs"))
    return tmp_path / "outputs"


@pytest.fixture
def wandb_server(tmp_path, monkeypatch):
    """A W&B server of this machine that the client of this process, and of those it starts, talks to."""
    import wandb

    from tests.servers.wandb_server import WandbServer

    wandb.teardown()
    with WandbServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        for name in ("DATA", "CACHE", "CONFIG"):
            monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "wandb-own"))
        monkeypatch.setenv("WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL", "0.1")
        yield server
        wandb.teardown()
    assert not server.errors


@pytest.fixture
def small_disk(tmp_path):
    """small_disk(size) -> a folder on a disk of its own, of that size ("64k"), and a function to make it read-only."""
    mounted = []

    def mount(size):
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"mounting a disk in memory is not allowed here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder, lambda: subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
