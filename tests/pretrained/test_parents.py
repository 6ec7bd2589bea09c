"""Files of a parent run."""

import pytest

from interlace.pretrained import parents
from interlace.pretrained.parents import read_config


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("config.yaml", ("a: {b: [1, 2]}", "a: {b: [3]}")),
        ("data_state.json", ('{"a": {"b": [1, 2]}}', '{"a": {"b": [3]}}')),
    ],
)
def test_a_file_is_read_as_it_is_now_and_what_was_read_is_the_callers_own(tmp_path, name, texts):
    (tmp_path / name).write_text(texts[0])
    first = read_config(tmp_path, name)
    first["a"]["b"].append(9)
    first["c"] = 1
    assert read_config(tmp_path, name) == {"a": {"b": [1, 2]}}
    (tmp_path / name).write_text(texts[1])
    assert read_config(tmp_path, name) == {"a": {"b": [3]}}


def test_yaml_and_json_of_the_same_text_are_not_mixed_up(tmp_path):
    text = '{"a": 1e3}'  # a number in JSON, and a text in YAML 1.1
    for name in ("config.yaml", "config.json"):
        (tmp_path / name).write_text(text)
    assert read_config(tmp_path) == {"a": "1e3"}
    assert read_config(tmp_path, "config.json") == {"a": 1000.0}


def test_a_file_is_parsed_once_however_often_it_is_asked_for(tmp_path, monkeypatch):
    calls = []
    load = parents.yaml.safe_load
    monkeypatch.setattr(parents.yaml, "safe_load", lambda text: calls.append(text) or load(text))
    text = f"where: {tmp_path}"
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.yaml").write_text(text)
    for _ in range(20):
        assert read_config(tmp_path / "one") == read_config(tmp_path / "two") == {"where": str(tmp_path)}
    assert calls == [text]
