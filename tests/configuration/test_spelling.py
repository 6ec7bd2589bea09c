"""Values as overrides: whatever YAML holds comes back, and files are named as they are."""

import math
import os
import shlex

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from interlace.configuration.compose import compose
from interlace.configuration.spelling import parse_override, spelled
from interlace.errors import UserError

TRICKY = ["", " ", "20240511", "nan", "-inf", "on", "true", "null", "1e5", "1_000", "0x10", "a,b", "größe", "a\\",
          '\\"', "'", "${data.seed}", "\\${x}", "\\\\${x:y}", "{a: 1}", "[1]", "a: b", "#", "~", "x=y", "\n", "\t",
          " a ", "\u2028", "a(1)", "é\u0301", "\x00", "-", "%", "5 "]  # fmt: skip
TEXT = st.one_of(st.sampled_from(TRICKY), st.text(max_size=12), st.text(alphabet="\\\"'${}[]():=, ab1", max_size=10))
SINGLE = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT.filter(lambda text: text != "???"))
VALUES = st.recursive(
    SINGLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)


def same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


@settings(max_examples=400, deadline=None)
@given(VALUES)
@example(TRICKY)
@example({text: text for text in TRICKY})
def test_any_value_of_yaml_comes_back(value):
    override = parse_override(spelled("data.x", value))
    assert (override.key_or_group, override.is_sweep_override()) == ("data.x", False)
    composed = OmegaConf.create({"x": override.value()})
    assert same(OmegaConf.to_container(composed, resolve=True)["x"], value)


@settings(max_examples=200, deadline=None)
@given(
    TEXT.filter(lambda text: text.strip() not in ("", "null") and text != "???"),
    st.sampled_from(["study", "arm", "label"]),
)
def test_a_name_is_text_however_it_is_spelled(name, key):
    found = OmegaConf.create({"x": parse_override(spelled(key, name)).value()})
    assert OmegaConf.to_container(found, resolve=True)["x"] == name
    if name.replace("-", "").replace(".", "").replace("_", "").isalnum() and name.isascii() and name.lower() != "null":
        assert parse_override(f"{key}={name}").value() == name


def test_values_reach_the_configuration_as_they_are():
    value = {text: text for text in TRICKY if text.isprintable() and text}
    config = compose([spelled("+factors.odd", value), spelled("tags", TRICKY), "study=20240511", "arm=1e5"])
    assert (config["factors"]["odd"], config["tags"]) == (value, TRICKY)
    assert (config["study"], config["arm"]) == ("20240511", "1e5")
    named = compose(
        ["data=manifest", "data.path=/a", "encoders.größe.init_from=/a", 'data.modalities={"größe": "text"}']
    )
    assert named["encoders"]["größe"]["init_from"] == "/a"
    assert named["data"]["modalities"] == {"größe": "text"}


@pytest.mark.parametrize("name", ["über.jsonl", "a=b.jsonl", "a#b.jsonl", "a(1).jsonl", "a,b.jsonl",
                                  "two words.jsonl", "it's.jsonl", 'a"b.jsonl', "{x}.jsonl", "${x}.jsonl",
                                  "a:b [1].jsonl", "5", "a\\b"])  # fmt: skip
def test_a_file_is_named_as_it_is_or_the_sentence_quotes_it(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = os.path.join(tmp_path, name)
    told = None
    try:
        told = parse_override(f"data.path={path}").value()
    except UserError as error:
        quoted = shlex.split(str(error).rpartition("quotes: ")[2])[0]
        assert parse_override(quoted).value().replace("\\$", "$") == path
    (tmp_path / name).touch()
    found = OmegaConf.create({"x": parse_override(f"data.path={path}").value()})
    assert OmegaConf.to_container(found, resolve=True)["x"] == path
    assert told in (None, path) or "$" in path
    assert parse_override(f"data.path={name}").value().replace("\\$", "$") == name
    several = parse_override(f"data.train=[{path}]").value()
    assert "," in name or [each.replace("\\$", "$") for each in several] == [path]


@pytest.mark.parametrize("text", ["", "=5", "foo", "a b=3", "x={", "x=[1", "x=" + "[" * 2000, "x=" + "9" * 5000, 'x="',
                                  "~", "+", "a..b=1", "x=a)b", "a@b@c=d", "x=\x00\n"])  # fmt: skip
def test_what_is_no_override_ends_in_one_sentence(text):
    with pytest.raises(UserError, match=r"^[^\n\r]*$"):
        parse_override(text)


def test_what_no_configuration_holds_is_refused():
    for value in ("???", [["???"]], {1: "a"}, {1, 2}, object()):
        with pytest.raises(UserError):
            spelled("data.x", value)
