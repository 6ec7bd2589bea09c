"""Which rows there are, and what is wanted of them."""

import dataclasses
from pathlib import Path

import pytest

from interlace.bench import fusion
from interlace.bench.fusion import ROWS, Options, chosen
from interlace.bench.rows import SCRATCH
from interlace.errors import RunFailure, UserError

OPTIONS = Options(threads=2, repeats=1, timeout=None, quick=False, jobs=3)


def build(name: str, **changes):
    return ROWS[name](dataclasses.replace(OPTIONS, **changes), Path("/encoders"))


@pytest.mark.parametrize("name", ROWS)
def test_every_contender_of_a_row_is_measured_once_and_belongs_to_a_side(name):
    row = build(name)
    assert row.name == name
    measured = [label for command in row.commands for label in command.readings]
    assert sorted(measured) == sorted(row.ours + row.peers)
    assert not set(row.ours) & set(row.peers)
    assert set(row.at_most) <= set(row.ours)


def test_what_is_wanted():
    assert build("modalities").at_most == {"bottleneck, FLOPs": 1.02, "bottleneck, time": 1.15}
    assert build("tokens").at_most == {"perceiver, FLOPs": 1.02, "perceiver, time": 1.15}
    assert build("study").target == 4.0


def test_curves_read_the_exponents_of_both_strategies():
    (command,) = build("tokens").commands
    assert command.readings == {
        "perceiver, FLOPs": "perceiver flops", "perceiver, time": "perceiver time",
        "attention, FLOPs": "attention flops", "attention, time": "attention time",
    }  # fmt: skip
    words = command.arguments
    assert words[words.index("--sizes") + 1 : words.index("--repeats")] == (
        "64", "128", "256", "512", "1024", "2048", "4096",
    )  # fmt: skip
    assert words[-2:] == ("--threads", "2")


def test_all_ways_of_running_the_study_have_as_many_jobs():
    commands = build("study").commands
    ways = [command.arguments[command.arguments.index("--way") + 1] for command in commands]
    assert ways == ["fresh", "forked", "cached"]
    for command, way in zip(commands, ways, strict=True):
        assert set(command.arguments) ^ set(commands[0].arguments) == ({"fresh", way} if way != "fresh" else set())
        assert command.arguments[command.arguments.index("--jobs") + 1] == "3"
        assert SCRATCH in command.arguments
    assert build("study").against in build("study").peers
    assert "14 strategies x 5 seeds" in build("study").title


def test_the_study_without_its_data_is_not_run(monkeypatch, tmp_path):
    monkeypatch.setenv("INTERLACE_DATA", str(tmp_path))
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path))
    assert all(command.missing and "mnist" in command.missing for command in build("study").commands)
    assert all(command.missing is None for command in build("tokens").commands)


def test_rows_are_chosen_by_name_and_a_wrong_name_is_an_error():
    assert chosen([]) == ["modalities", "tokens", "study"]
    assert chosen(["study", "tokens"]) == ["tokens", "study"]
    with pytest.raises(UserError, match="bench fusion stuy: no such row; did you mean 'study'"):
        chosen(["stuy"])


def test_encoders_that_cannot_be_trained_are_a_failure_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(fusion, "STUDY", "this_is_no_module")
    with pytest.raises(RunFailure, match=r"bench: the encoders could not be trained: .*this_is_no_module"):
        fusion.make_encoders(OPTIONS, tmp_path, {})
