"""The server of processes is started ahead, and ended where nothing is run after all."""

import os
from multiprocessing import forkserver

import pytest

from interlace.errors import UserError
from interlace.studies import planning, verbs
from interlace.studies.driver import start_fork_server, stop_fork_server
from interlace.studies.study import Study

STUDY = {
    "name": "toy", "question": "Which?", "base": ["experiment=interactions"], "arms": {"sum": ["fusion=sum"]},
    "baseline": "sum", "seeds": [0], "metrics": {"test/accuracy": "max"},
}  # fmt: skip


def server_pid():
    return forkserver._forkserver._forkserver_pid


@pytest.fixture(autouse=True)
def _none_is_left():
    stop_fork_server()
    yield
    stop_fork_server()


def test_it_can_be_ended_in_mid_import_and_started_again():
    start_fork_server()
    first = server_pid()
    stop_fork_server()
    assert server_pid() is None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    start_fork_server()
    assert server_pid() not in (None, first)


def test_a_plan_that_is_refused_leaves_none(monkeypatch, tmp_path):
    seen = []

    def refused(study, overrides):
        seen.append(server_pid())
        raise UserError("no such key")

    monkeypatch.setenv("INTERLACE_OUTPUTS", str(tmp_path))
    monkeypatch.setattr(planning, "plan", refused)
    with pytest.raises(UserError, match="no such key"):
        verbs.run_study(Study(**STUDY), [], jobs=1, fail_fast=False, refresh=None, as_json=False)
    assert seen[0] is not None  # it was importing meanwhile
    assert server_pid() is None


def test_a_study_with_all_results_starts_none(monkeypatch, tmp_path):
    monkeypatch.setenv("INTERLACE_OUTPUTS", str(tmp_path))
    study = Study(**STUDY)
    assert verbs._seems_unfinished(study, [])
    done = tmp_path / "toy" / "sum-0" / "seed-0"
    done.mkdir(parents=True)
    (done / "results.json").write_text("{}")
    assert not verbs._seems_unfinished(study, [])
