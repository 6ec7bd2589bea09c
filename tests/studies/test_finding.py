"""A study is found by path, and by name once it was run; the command that a report prints is one that works."""

import shlex

import pytest

from interlace.errors import UserError
from interlace.studies.finding import find_study, keep_copy
from interlace.studies.study import load_study, select

STUDY = """
name: pictures
question: which?
base: [experiment=scenes]
arms: {a: [fusion=concat], b: [fusion=sum], c: [fusion=gated]}
seeds: [0, 1]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "with blank" / "my.yaml"
    path.parent.mkdir()
    path.write_text(STUDY)
    return path


def test_a_study_that_was_run_is_found_by_its_name(file, outputs):
    with pytest.raises(UserError, match="no such file, folder or name"):
        find_study("pictures")
    keep_copy("pictures", file)
    assert find_study("pictures") == file, "the file itself, while it is there"
    file.unlink()
    assert find_study("pictures") == outputs / "pictures" / "study.yaml"
    assert list(load_study("pictures").arms) == ["a", "b", "c"]
    with pytest.raises(UserError, match="did you mean 'pictures'"):
        find_study("picturs")


def test_a_copy_is_not_copied_onto_itself(file, outputs):
    keep_copy("pictures", file)
    copy = outputs / "pictures" / "study.yaml"
    before = copy.read_bytes()
    keep_copy("pictures", copy)
    assert copy.read_bytes() == before


def test_studies_of_unpacked_bundles_are_found_too(file, outputs):
    (outputs / "pictures" / "study").mkdir(parents=True)
    (outputs / "pictures" / "study" / "study.yaml").write_text(STUDY)
    assert load_study("pictures").name == "pictures"


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(("arms", "seeds"), [(None, None), (["b", "a"], None), (None, [3, 4]), (["c"], [7])])
def test_the_command_of_a_study_leads_back_to_it(file, inside, arms, seeds, monkeypatch, tmp_path):
    monkeypatch.chdir(file.parent if inside else tmp_path)
    study = select(load_study("my.yaml" if inside else str(file)), arms=arms, seeds=seeds)
    words = shlex.split(study.command("study run", ["fusion.dim=64", "modalities=[text, image]"]))
    words = [word for word in words if not word.startswith("--plugin=")]
    assert words[:3] == ["interlace", "study", "run"]
    assert words[-2:] == ["fusion.dim=64", "modalities=[text, image]"]
    options = dict(zip(words[4:-2:2], words[5:-2:2], strict=True))
    again = select(
        load_study(words[3]),
        arms=options["--arms"].split(",") if "--arms" in options else None,
        seeds=[int(each) for each in options["--seeds"].split(",")] if "--seeds" in options else None,
    )
    assert (again.arms, again.seeds) == (study.arms, study.seeds)
