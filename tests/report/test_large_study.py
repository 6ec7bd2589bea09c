"""The report of many runs reads each of their files once and loads nothing that trains."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arms", "values", "seeds"),
    [(6, 3, 3), (6, 1, 3), pytest.param(20, 10, 5, marks=pytest.mark.slow)],
    ids=["settings", "plain", "a thousand"],
)
def test_each_file_is_opened_once_and_torch_never_loaded(tmp_path, arms, values, seeds):
    command = [sys.executable, "-m", "tests.report.large_study", tmp_path, arms, values, seeds]
    done = subprocess.run(
        [str(part) for part in command], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["files_opened"] == told["runs"] == arms * values * seeds
    assert told["opened_most"] == 1
    assert told["heavy"] == []
    assert (tmp_path / "report" / "index.html").is_file()
