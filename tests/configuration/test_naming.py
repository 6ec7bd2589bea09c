"""One rule for names, and the same one in every place that takes a name."""

import os
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interlace.configuration.compose import compose
from interlace.configuration.naming import MOST_BYTES, alike, check_name, problem_with_name
from interlace.errors import UserError
from interlace.studies.study import Study

BAD = [
    "", ".", "..", ".hidden", "../evil", "/tmp/evil", "a/b", "a\\b", "a b", " a", "a ", "a\n", "a\0", "~", "-rf", "+a",
    "a:b", "a*", "a?", 'a"b', "a|b", "<a>", "a,b", "a=b", "{a}", "$HOME", "a" * 101, "é" * 51, "end.", "nul", "CON.txt",
    "com1", "e\u0301", "\u202eexe", "a\u200b", "\U0001f600", "½",
]  # fmt: skip
GOOD = [
    "a", "attention", "late_mean", "x1", "20240511", "nan", "on", "null", "1e-3", "3.5", "a.b+c-d_e", "_private",
    "größe", "多模态", "Ελληνικά", "हिन्दी", "نص", "실험", "a" * 100, "v1.0+cu130", "console",
]  # fmt: skip
STUDY = {
    "name": "toy",
    "question": "?",
    "base": ["experiment=scenes"],
    "seeds": [0],
    "metrics": {"test/accuracy": "max"},
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name_is_refused_everywhere(name):
    """In a configuration, so in `train`, `config check` and `plan`; in study files for every kind of name."""
    assert problem_with_name(name) is not None
    with pytest.raises(UserError, match=r"^what: got ") as refused:
        check_name("what", name)
    assert "\n" not in str(refused.value)
    arms = {"a": ["fusion=concat"]}
    for content in (
        {"name": name, "arms": arms},
        {"arms": {name: ["fusion=concat"]}},
        {"arms": arms, "parents": {name: []}},
        {"arms": arms, "factors": {name: {"level": []}}},
        {"arms": arms, "factors": {"factor": {name: []}}},
        {"arms": {**arms, "b": []}, "ablations": {"b": {name: []}}} if name and name[0] not in "-+." else {"arms": {}},
    ):
        if "ablations" in content and problem_with_name(f"b-without-{name.replace('/', '.')}") is None:
            continue
        with pytest.raises(ValueError):
            Study.model_validate({**STUDY, **content})


@pytest.mark.parametrize("key", ["study", "arm"])
@pytest.mark.parametrize("name", ["../evil", "a/b", "a" * 300, ".", "a b", "nul"])
def test_a_run_has_a_name(key, name):
    with pytest.raises(UserError, match=f"^{key}: got "):
        compose(["experiment=scenes", f"{key}='{name}'"])


@pytest.mark.parametrize("name", GOOD)
def test_names_of_any_script_are_names(name):
    assert problem_with_name(name) is None
    study = Study.model_validate({**STUDY, "name": name, "arms": {name: []}, "factors": {name: {name: []}}})
    assert study.name == name


@given(st.text(max_size=120))
@example("a" * 100)
def test_a_name_is_one_part_of_a_path_on_any_system(name):
    if problem_with_name(name) is not None:
        return
    assert os.path.basename(name) == name == os.path.normpath(name)
    assert 0 < len(name.encode()) <= MOST_BYTES
    assert not set(name) & set('<>:"/\\|?*~$ ')
    assert name.isprintable()
    assert name[0] != "."
    assert name[-1] not in ". "
    assert unicodedata.normalize("NFC", name) == name


def test_names_that_some_disks_take_for_one_are_refused():
    assert alike(["a", "b", "A"]) == ("a", "A")
    assert alike(["a", "b"]) is None
    with pytest.raises(ValueError, match="arms: 'concat' and 'Concat' differ in case alone"):
        Study.model_validate({**STUDY, "arms": {"concat": ["fusion=concat"], "Concat": ["fusion=sum"]}})


def test_labels_are_free_and_are_of_what_is_there():
    arms = {"a": ["fusion=concat"]}
    study = Study.model_validate({**STUDY, "arms": arms, "labels": {"a": "two/words – any text", "toy": "A toy"}})
    assert study.labels["a"] == "two/words – any text"
    with pytest.raises(ValueError, match="labels: no arm, factor or level 'b'"):
        Study.model_validate({**STUDY, "arms": arms, "labels": {"b": "x"}})


def test_an_ablation_of_a_group_within_a_group_has_a_name():
    study = Study.model_validate({**STUDY, "arms": {"a": ["encoder/text=lstm"]}, "ablations": {"a": ["encoder/text"]}})
    assert list(study.arms) == ["a", "a-without-encoder.text"]
