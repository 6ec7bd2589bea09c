"""Small files that ask for much: each is refused, within 400 MiB of memory beyond that of the libraries."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc")
def test_what_asks_for_much_is_refused_in_little_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.reading.bombs", str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=root)
    assert done.returncode == 0, done.stderr[-2000:]
    faults, count = done.stdout.strip().splitlines()[-2:]
    assert json.loads(faults) == {}
    assert int(count) >= 40
