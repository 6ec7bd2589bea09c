"""What each field of a manifest is used as; nothing is read as what it is not, and nothing vanishes in silence."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interlace.configuration.overrides import read_overrides
from interlace.data.manifest.fields import READ, SUFFIXES, TEXT_NAMES
from interlace.data.manifest.schema import infer_schema
from interlace.errors import UserError

ROLES = {"id": "id", "split": "split", "label": "label"}
WORDS = "lamp river seven moss paper north quiet engine salt window".split()  # noqa: SIM905


def sentence(i: int) -> str:
    return " ".join(np.random.default_rng(i).choice(WORDS, 5))


def schema(rows, folder, declared=None):
    return infer_schema([{"id": i, "label": i % 2, **row} for i, row in enumerate(rows)], folder, ROLES, declared)


@pytest.mark.parametrize("suffix", [".foo", ".xyz", ".aiff3", ".mat", ".txt"])
@pytest.mark.parametrize("style", ["snd/calm/{}{}", "..\\snd\\{}{}", "clip_{}{}", "/data/{}{}"])
def test_paths_of_unknown_suffixes_are_a_problem_and_never_text(tmp_path: Path, suffix: str, style: str) -> None:
    rows = [{"text": sentence(i), "audio": style.format(i, suffix)} for i in range(30)]
    rows[3]["audio"] = None
    found = schema(rows, tmp_path)
    assert found.modalities == {"text": "text"}
    assert "'audio'" in found.problem
    assert suffix in found.problem
    assert all(known in found.problem for known in READ)
    options = [word for word in shlex.split(found.problem) if word.startswith("data.modalities=")]
    for option in options:  # what is to be pasted names fields that are there, and goes through
        (override,) = read_overrides([option.rstrip(",")])
        declared = override.value()
        assert schema(rows, tmp_path, declared).modalities == declared
    assert {"text": "text"} in [read_overrides([option.rstrip(",")])[0].value() for option in options]
    alone = schema([{"text": style.format(i, suffix)} for i in range(30)], tmp_path)
    assert alone.modalities == {}
    assert "'text'" in alone.problem


@pytest.mark.parametrize("name", ["plain", "with.dots.here", "noise 17", "word"])
def test_values_that_name_files_are_never_text(tmp_path: Path, name: str) -> None:
    rows = [{"text": f"{i}{name}", "label": i % 2} for i in range(6)]
    for row in rows:
        (tmp_path / row["text"]).write_bytes(b"x")
    assert schema(rows, tmp_path).modalities == {}
    assert schema(rows, tmp_path).problem
    with pytest.raises(UserError, match="holds paths of files"):
        schema(rows, tmp_path, {"text": "text"})


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_paths_lists_of_paths_and_segments_are_of_the_kind_of_their_suffix(tmp_path: Path, suffix: str) -> None:
    path = f"some where/a{suffix.upper()}"
    for value in (path, [path, path], {"path": path, "start": 1.0, "end": 2.5}, [{"path": path, "start": 0}]):
        kind = "video" if value == [path, path] and SUFFIXES[suffix] == "image" else SUFFIXES[suffix]
        assert schema([{"clip": value}] * 4, tmp_path).modalities == {"clip": kind}


def test_only_known_names_are_text_and_every_other_field_is_told(tmp_path: Path) -> None:
    rows = [
        {"Utterance": sentence(i), "sentiment": "abc"[i % 3], "speaker": f"P{i % 7}", "start": f"00:{i % 60:02}:07,250",
         "season": 1 + i % 3, "pitch": i / 7, "as_text": str(i / 7), "openface": [0.5] * 6, "rows": [[1, 2], [3, 4]],
         "remark": sentence(100 + i), "kept": True, "address": f"https://a.example/{i}.html", "gone": None, "one": "x",
         "day": f"2020-01-{1 + i % 28:02}", "nested": {"a": 1}, "tags": ["a", "b"], "name": f"n{i}"}
        for i in range(60)
    ]  # fmt: skip
    found = schema(rows, tmp_path)
    assert found.modalities == {"Utterance": "text"}
    assert found.problem is None
    assert set(found.uses) == {*rows[0], "id", "label"}
    expected = {
        "sentiment": "3 values", "speaker": "7 values", "start": "times", "season": "numbers", "pitch": "numbers",
        "as_text": "numbers", "openface": "inline vectors of 6", "rows": "inline vectors", "remark": "free text",
        "kept": "true or false", "address": "addresses", "gone": "empty", "one": "one value", "day": "dates",
        "nested": "mappings", "tags": "lists", "name": "words",
    }  # fmt: skip
    for name, why in expected.items():
        assert found.uses[name].startswith("not used: "), name
        assert why in found.uses[name], name
    assert "sentiment, speaker" in found.unused[0]
    declared = schema(rows, tmp_path, {"openface": "features", "remark": "text"})
    assert list(declared.modalities) == ["openface", "remark"]
    assert declared.uses["Utterance"] == "not used: not in data.modalities"


@pytest.mark.parametrize(
    "name", [*sorted(TEXT_NAMES), "SENTENCE", "sentence1", "Question 2", "review_text", "tweetText"]
)
def test_usual_names_are_text_in_any_spelling(tmp_path: Path, name: str) -> None:
    assert schema([{name: "ok"}] * 9, tmp_path).modalities == {name: "text"}


@pytest.mark.parametrize("name", ["question_type", "text_id", "sentiment", "title_length", "x"])
def test_other_names_are_not(tmp_path: Path, name: str) -> None:
    assert schema([{name: "ab"[i % 2], "text": "a"} for i in range(9)], tmp_path).modalities == {"text": "text"}


def test_one_field_of_free_text_is_read_and_several_are_asked_for(tmp_path: Path) -> None:
    one = schema([{"remark": sentence(i), "code": f"c{i % 3}"} for i in range(30)], tmp_path)
    assert one.modalities == {"remark": "text"}
    assert "'remark' is read as text" in one.notes[0]
    chinese = schema([{"remark": "我觉得这部电影让人很开心" + WORDS[i % 10][0] * i} for i in range(30)], tmp_path)
    assert chinese.modalities == {"remark": "text"}
    two = schema([{"remark": sentence(i), "other": sentence(i + 50)} for i in range(30)], tmp_path)
    assert two.modalities == {}
    assert "data.modalities={remark:text}" in two.problem
    none = schema([{"code": "abc"[i % 3], "size": i} for i in range(30)], tmp_path)
    assert none.modalities == {}
    assert "code (3 values), size (numbers)" in none.problem


def test_vectors_are_features_where_they_are_named_so(tmp_path: Path) -> None:
    assert schema([{"features": [1.0, 2.0]}] * 4, tmp_path).modalities == {"features": "features"}
    nested = schema([{"features": {"pose": [1, 2], "voice": "a.npy"}}] * 4, tmp_path)
    assert nested.modalities == {"pose": "features", "voice": "features"}
    with pytest.raises(UserError, match=r"data.modalities: no line has the field 'pse'; did you mean 'pose'"):
        schema([{"features": {"pose": [1, 2]}}] * 4, tmp_path, {"pse": "features"})


def test_sentences_with_slashes_and_marks_are_text(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    texts = ["and/or so.", "see a.png", "a/b c/d.e", "https://a.example/x.html is down", "1/2", "either/or", "3.5"]
    rows = [{"text": f"{texts[i % 7]} {sentence(i)}"} for i in range(40)]
    rows[0]["text"] = "a.png"
    assert schema(rows, tmp_path).modalities == {"text": "text"}
