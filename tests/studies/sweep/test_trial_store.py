import json

import pytest
from optuna.trial import TrialState

from interlace.errors import UserError
from interlace.studies.sweep.trial_store import is_claimed, journal_path, read_trials

from . import stubs


def test_a_claimed_trial_is_given_once_and_an_abandoned_one_again(outputs):
    search = stubs.search_of(trials=2)
    one, two = stubs.ledger_of(outputs, search), stubs.ledger_of(outputs, search)
    first, second = one.take(), two.take()
    assert (first.number, second.number) == (0, 1)
    assert one.take() is None
    assert two.take() is None
    assert is_claimed(outputs / "stub", "arm", 0)
    one.close()
    assert not is_claimed(outputs / "stub", "arm", 0)
    assert two.take() == first
    two.complete(first, [1.0], {}, ["arm-x/seed-0"])
    assert two.unfinished() == {("arm", 1)}
    two.close()


def test_a_trial_without_all_its_options_gets_those_it_would_have_had(outputs, tmp_path):
    search = stubs.search_of(trials=1)
    trial_store = stubs.ledger_of(outputs, search)
    drawn = trial_store.take()
    trial_store.close()
    lines = journal_path(outputs / "stub").read_text().splitlines()
    assert sum('"param_name"' in line for line in lines) == 2
    other = journal_path(tmp_path / "stub")
    other.parent.mkdir()
    cut = next(i for i, line in enumerate(lines) if '"param_name": "y"' in line or '"param_name":"y"' in line)
    other.write_text("\n".join(lines[:cut]) + "\n")
    again = stubs.ledger_of(tmp_path, search)
    assert again.take() == drawn
    again.close()


def test_what_a_kill_leaves_in_the_journal_is_mended(outputs):
    search = stubs.search_of(trials=2)
    trial_store = stubs.ledger_of(outputs, search)
    trial = trial_store.take()
    trial_store.complete(trial, [1.0], {1: 0.5}, [])
    trial_store.close()
    path = journal_path(outputs / "stub")
    whole = path.read_text()
    path.write_text(whole + '{"op_code": 4, "worker')
    path.with_name("sweep.journal.lock").symlink_to(path)
    assert [t.value for t in read_trials(outputs / "stub", ["arm"])["arm"]] == [1.0]
    trial_store = stubs.ledger_of(outputs, search)
    assert trial_store.take().number == 1
    trial_store.close()
    for line in path.read_text().splitlines():
        json.loads(line)
    found = read_trials(outputs / "stub", ["arm"])["arm"]
    assert [t.state for t in found] == [TrialState.COMPLETE, TrialState.RUNNING]
    assert found[0].intermediate_values == {1: 0.5}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"space": {"x": {"low": -1.0, "high": 2.0}, "y": {"low": -1.0, "high": 1.0}}}, "other space"),
        ({"objectives": {"val/score": "min"}}, "other objectives"),
        ({"seeds": [5]}, "other seeds"),
    ],
)
def test_the_journal_of_another_search_is_refused(changes, named, outputs):
    stubs.ledger_of(outputs, stubs.search_of()).close()
    with pytest.raises(UserError, match=f"{named} than this search.*move the journal away"):
        stubs.ledger_of(outputs, stubs.search_of(**changes))
    stubs.ledger_of(outputs, stubs.search_of(trials=99, sampler="tpe", seed=3)).close()


def test_nothing_is_written_to_look(outputs):
    assert read_trials(outputs / "stub", ["arm"]) == {"arm": []}
    assert not outputs.exists()
