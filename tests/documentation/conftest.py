"""The environment that pages are run in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documentation.blocks import ROOT
from tests.documentation.server import CLIENT

INSTALLED = "installed"  # where setup comments of a page install packages, below its folder
INSIDE = os.pathsep.join([str(ROOT), str(ROOT / "src"), INSTALLED])


def variables() -> dict[str, str]:
    """Those of a reader's shell: no key of W&B, none of the tests' settings but the folders of caches and data."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INTERLACE_", "WANDB_"))}
    shared = {name: os.environ[name] for name in ("INTERLACE_CACHE", "INTERLACE_DATA") if name in os.environ}
    return {**kept, **shared, "PYTHONPATH": INSIDE, "OMP_NUM_THREADS": "1", "COLUMNS": "120", "CHECKOUT": str(ROOT)}


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """A folder with `interlace`, whose commands run in forks of one process that has the libraries imported."""
    folder = tmp_path_factory.mktemp("programs")
    address = str(folder / "server")
    (folder / "client.py").write_text(CLIENT.format(address=address))
    program = folder / "interlace"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{folder / "client.py"}" "$@"\n')
    program.chmod(0o755)
    command = [sys.executable, "-m", "tests.documentation.server", address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=variables(), cwd=ROOT, text=True) as server:
        assert server.stdout.readline() == "ready\n"
        yield folder
        server.terminate()


@pytest.fixture
def environment(programs):
    """Variables of the shell of a page."""
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**variables(), "PATH": path}
