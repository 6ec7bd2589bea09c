"""The record of a benchmark, and the environment of its commands."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from interlace.bench import benchmark
from interlace.bench.inputs import Inputs
from interlace.bench.language_models import Options
from interlace.bench.rows import Contender, Row, concluded
from interlace.errors import RunFailure

OPTIONS = Options(
    threads=2, repeats=2, timeout=None, quick=True, text=None, ngram_text=None, megabytes=1.0, dropout=0.1,
    attention_dropout=0.0, nanogpt=None, lmplz=None, cuda=False,
)  # fmt: skip


def outcome(peer: Contender):
    row = Row("toy", "a toy", "s", False, ("ours",), ("peer",), (), 1.5)
    ours = Contender(
        "ours", "ours", ("run", "me"), values=[2.0, 4.0], peak_memory_mb=[10.0, 11.0], seconds=[3.0, 5.0],
        figures=[{"value": 2.0}, {"value": 4.0}],
    )  # fmt: skip
    return concluded(row, [peer, ours])


@pytest.fixture
def ran():
    return outcome(Contender("peer", "peer", (), values=[4.0, 6.0], peak_memory_mb=[9.0, 9.0], seconds=[1.0, 1.0]))


def document(*outcomes):
    told = benchmark.record(
        outcomes, OPTIONS, started=benchmark.now(), load=0.1, arguments=["bench", "lm"], text="artificial"
    )
    return json.loads(json.dumps(told, allow_nan=False))


def test_a_record_says_what_was_run_where_and_with_what(ran):
    found = document(ran)
    assert set(found) == {
        "schema", "started", "ended", "command", "repeats", "threads", "quick", "load_at_start", "text", "machine",
        "versions", "code", "git", "rows",
    }  # fmt: skip
    assert found["schema"] == 1
    assert found["command"] == ["interlace", "bench", "lm"]
    assert found["started"] <= found["ended"]
    assert found["started"].endswith("+00:00")
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["memory_gb"] > 0
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["python"].startswith("3.")


def test_a_row_of_a_record(ran):
    (row,) = document(ran)["rows"]
    assert row["ratio"] == {"median": 1.75, "min": 1.5, "max": 2.0, "values": [2.0, 1.5]}
    assert (row["status"], row["reached"], row["ours"], row["peer"]) == ("ran", True, "ours", "peer")
    ours = row["contenders"][1]
    assert ours == {
        "label": "ours", "side": "ours", "command": ["run", "me"], "status": "ran", "reason": None, "median": 3.0,
        "values": [2.0, 4.0], "peak_memory_mb": [10.0, 11.0], "seconds": [3.0, 5.0],
        "figures": [{"value": 2.0}, {"value": 4.0}],
    }  # fmt: skip


def test_states_of_a_row(ran):
    missing = outcome(Contender("peer", "peer", (), status="not run", reason="needs x"))
    failed = outcome(Contender("peer", "peer", (), status="failed", reason="exit code 1"))
    nothing = concluded(ran.row, [Contender("ours", "ours", (), status="not run", reason="no GPU")])
    assert [benchmark.status(o) for o in (ran, missing, failed, nothing)] == ["ran", "partly", "failed", "not run"]
    assert document(missing)["rows"][0]["ratio"] is None


def test_commands_get_all_threads_and_no_network(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    given = benchmark.environment(Path("/folder"), 6)
    assert {given[k] for k in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")} == {"6"}
    assert given["HF_HUB_OFFLINE"] == "1"
    assert given["INTERLACE_CACHE"] == "/folder/cache"


def test_inputs_that_cannot_be_made_are_a_failure_in_one_sentence(tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("too short\n")
    options = Options(**{**vars(OPTIONS), "text": short})
    environment = benchmark.environment(tmp_path, 1)
    with pytest.raises(RunFailure, match=r"the inputs could not be made: .*vocabulary has \d+ entries, but 8192"):
        benchmark.make_inputs(Inputs(tmp_path / "inputs"), ["pack"], options, environment)


def test_commands_are_written_down_as_they_read_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert benchmark.portable(sys.executable) == "python"
    assert benchmark.portable(str(tmp_path / "interlace-bench-x1" / "encoders")) == "{folder}/encoders"
    assert benchmark.portable("--jobs") == "--jobs"
    assert benchmark.portable("data/text.txt") == "data/text.txt"
