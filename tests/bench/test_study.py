"""Which rows `interlace bench study` has, and what is wanted of them."""

import dataclasses

import pytest

from interlace.bench import study
from interlace.bench.rows import SCRATCH
from interlace.bench.study import ROWS, Options, chosen
from interlace.errors import RunFailure, UserError

OPTIONS = Options(threads=2, repeats=1, timeout=None, quick=False, jobs=2)


def words(command) -> dict[str, str]:
    arguments = command.arguments[3:]
    return dict(zip(arguments[::2], arguments[1::2], strict=True))


@pytest.mark.parametrize("name", ROWS)
def test_every_contender_of_a_row_is_measured_once_and_belongs_to_a_side(name):
    row = ROWS[name](OPTIONS)
    assert row.name == name
    measured = [label for command in row.commands for label in command.readings]
    assert sorted(measured) == sorted(row.ours + row.peers)
    assert not set(row.ours) & set(row.peers)


def test_both_sides_have_the_same_runs_and_cores():
    row = ROWS["study"](OPTIONS)
    given = [words(command) for command in row.commands]
    assert [each["--way"] for each in given] == ["study", "study", "multirun"]
    assert [each["--jobs"] for each in given] == ["2", "1", "1"]
    for each in given:
        assert (each["--num-arms"], each["--num-seeds"], each["--threads"]) == ("8", "5", "2")
        assert each["--scratch"] == SCRATCH
    assert row.target == 4.0
    assert row.peers == ("Hydra multirun, one run after the other",)


def test_on_one_core_there_is_one_way_of_ours():
    row = ROWS["study"](dataclasses.replace(OPTIONS, threads=1, jobs=1))
    assert row.ours == ("interlace study run --jobs 1",)


def test_the_start_is_that_of_one_run():
    row = ROWS["start"](OPTIONS)
    assert {command.readings[label] for command in row.commands for label in command.readings} == {"first_step_seconds"}
    assert {(words(c)["--num-arms"], words(c)["--num-seeds"]) for c in row.commands} == {("1", "1")}
    assert not row.larger_is_better
    assert row.target is None


def test_quick_makes_four_runs_a_side():
    row = ROWS["study"](dataclasses.replace(OPTIONS, quick=True))
    assert {(words(c)["--num-arms"], words(c)["--num-seeds"]) for c in row.commands} == {("2", "2")}


def test_rows_are_chosen_by_name_and_a_wrong_name_is_an_error():
    assert chosen([]) == ["study", "start"]
    assert chosen(["start"]) == ["start"]
    with pytest.raises(UserError, match="bench study strat: no such row; did you mean 'start'"):
        chosen(["strat"])


def test_a_warm_up_that_fails_is_a_failure_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "MODULE", "this_is_no_module")
    with pytest.raises(RunFailure, match=r"bench: the warm-up \(study\) did not work: .*this_is_no_module"):
        study.warm_up(OPTIONS, tmp_path, {})
