"""Kept configurations are those that would be composed anew, and are forgotten when anything they hang on changes."""

import json
import re

import pytest

from interlace.configuration.compose import compose, compose_seeds
from interlace.configuration.locations import conf_dir
from interlace.errors import UserError
from interlace.studies import compositions
from interlace.studies.compositions import Compositions

OVERRIDES = ["experiment=interactions", "fusion=concat"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path))


def refuse(*arguments):
    raise AssertionError("composed once more")


def test_what_is_kept_is_what_is_composed(monkeypatch):
    first = Compositions("toy")
    found = first.compose_seeds(OVERRIDES, [0, 3]), first.compose(OVERRIDES)
    first.save()
    assert found == (compose_seeds(OVERRIDES, [0, 3]), compose(OVERRIDES))
    monkeypatch.setattr(compositions, "compose_seeds", refuse)
    monkeypatch.setattr(compositions, "compose", refuse)
    again = Compositions("toy")
    assert (again.compose_seeds(OVERRIDES, [0, 3]), again.compose(OVERRIDES)) == found


def test_callers_get_copies():
    kept = Compositions("toy")
    kept.compose(OVERRIDES)["fusion"]["dim"] = -1
    assert kept.compose(OVERRIDES) == compose(OVERRIDES)


def test_other_sources_or_a_broken_file_are_forgotten(monkeypatch):
    kept = Compositions("toy")
    kept.compose(OVERRIDES)
    kept.save()
    content = json.loads(kept.path.read_text())
    content["configurations"] = {key: [{"wrong": True}] for key in content["configurations"]}
    kept.path.write_text(json.dumps(content))
    assert Compositions("toy").compose(OVERRIDES) == {"wrong": True}  # it is read
    monkeypatch.setattr(compositions, "_made_by", lambda: "other code")
    assert Compositions("toy").compose(OVERRIDES) == compose(OVERRIDES)
    kept.path.write_text("{")
    assert Compositions("toy").compose(OVERRIDES) == compose(OVERRIDES)


def test_what_is_refused_is_refused_again():
    kept = Compositions("toy")
    for _ in range(2):
        with pytest.raises(UserError, match="no such choice"):
            kept.compose(["fusion=nothing"])


def test_no_configuration_names_what_is_not_looked_at():
    """A change of the rooms above a run keeps what was composed: no component is theirs."""
    named = {
        room
        for path in conf_dir().rglob("*.yaml")
        for room in re.findall(r"_target_: interlace\.(\w+)", path.read_text(encoding="utf-8"))
    }
    assert "fusion" in named
    assert not named & compositions.COMPOSE_NOTHING
