"""What all tests share: outputs and caches of their own, one thread, no network mirrors."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
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


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """The outputs folder of one test."""
    monkeypatch.setenv("INTERLACE_OUTPUTS", str(tmp_path / "outputs"))
    return tmp_path / "outputs"
