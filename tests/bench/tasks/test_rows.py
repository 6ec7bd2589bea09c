"""Which rows `interlace bench tasks` has, what each compares, and what is wanted of them."""

import dataclasses
from pathlib import Path

import pytest

from interlace.bench import language_models
from interlace.bench.rows import SCRATCH
from interlace.bench.tasks.rows import RETRIEVAL_ROWS, ROWS, Options, chosen
from interlace.errors import UserError

OPTIONS = Options(threads=1, repeats=1, timeout=None, quick=False, passages=100_000)
ALL = {name: build(OPTIONS, Path("/inputs")) for name, build in ROWS.items()}


@pytest.mark.parametrize("name", ROWS)
def test_every_contender_is_measured_once_and_belongs_to_a_side(name: str) -> None:
    row = ALL[name]
    assert row.name == name
    measured = [label for command in row.commands for label in command.readings]
    assert sorted(measured) == sorted(row.ours + row.peers)
    assert set(row.at_least) <= set(row.ours)
    assert row.larger_is_better


def test_targets() -> None:
    assert {name: row.target for name, row in ALL.items() if row.target} == {"beams": 1.2, "beams-equal": 1.2}
    assert {name: row.at_least["interlace"] for name, row in ALL.items() if row.at_least} == {
        "index": 5_000,
        "query": 1_000,
    }


def test_both_sides_of_retrieval_read_the_same_and_must_agree() -> None:
    for name in RETRIEVAL_ROWS:
        ours, bare = (command.arguments[2:] for command in ALL[name].commands)
        assert ours[1:] == bare[1:] == ("/inputs", "--work", name)
        assert ALL[name].agree_on == "digest"


@pytest.mark.parametrize("name", ["beams", "beams-equal", "reading"])
def test_quick_rows_are_smaller_and_have_a_folder_of_their_own(name: str) -> None:
    (quick,) = ROWS[name](dataclasses.replace(OPTIONS, quick=True), Path("/inputs")).commands
    (whole,) = ALL[name].commands
    assert "--quick" in quick.arguments
    assert "--quick" not in whole.arguments
    assert whole.arguments[-1] == SCRATCH


def test_a_missing_peer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_models, "find_spec", lambda name: None)
    (command,) = ROWS["beams"](OPTIONS, Path("/inputs")).commands
    assert command.missing == "needs transformers: uv sync --group bench, or pip install transformers"


def test_rows_are_chosen_by_name() -> None:
    assert chosen([]) == list(ROWS)
    assert chosen(["reading", "index"]) == ["index", "reading"]
    with pytest.raises(UserError, match="bench tasks beam: no such row; did you mean 'beams'"):
        chosen(["beam"])
