"""Study files."""

import pytest

from interlace.errors import UserError
from interlace.studies.study import load_study, select

GOOD = """
name: toy
question: which?
base: [experiment=scenes]
arms: {a: [fusion=concat], b: [fusion=sum], only: [fusion=single]}
controls: [only]
baseline: a
seeds: [0, 1]
metrics: {test/accuracy: max}
expected: {a: {test/accuracy: [0.9, 0.1]}}
"""


def write(tmp_path, text):
    (tmp_path / "study.yaml").write_text(text)
    return str(tmp_path)


def test_a_study_is_found_by_folder_and_by_file(tmp_path):
    folder = write(tmp_path, GOOD)
    assert load_study(folder) == load_study(f"{folder}/study.yaml")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("baseline: a", "baseline: aa", "no arm 'aa'"),
        ("seeds: [0, 1]", "seeds: [0, 0]", "expected different seeds"),
        ("seeds: [0, 1]", "seeds: [zero]", "seeds.0"),
        ("seeds: [0, 1]", "sedes: [0, 1]", "seeds|sedes"),
        ("{test/accuracy: max}", "{test/accuracy: best}", "'max' or 'min'"),
        ("[0.9, 0.1]", "[0.9]", "at least 2"),
        ("name: toy", "name: ../toy", "name: a name has letters"),
        ("question: which?", "question: [", "not YAML"),
    ],
)
def test_bad_studies_are_refused_in_one_sentence(tmp_path, old, new, expected):
    with pytest.raises(UserError, match=expected) as caught:
        load_study(write(tmp_path, GOOD.replace(old, new)))
    assert "\n" not in str(caught.value)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'demo'"):
        load_study("dmeo")


def test_selecting_arms_keeps_what_still_makes_sense(tmp_path):
    study = load_study(write(tmp_path, GOOD))
    chosen = select(study, arms=["b"], seeds=[7])
    assert list(chosen.arms) == ["b"]
    assert (chosen.baseline, chosen.controls, chosen.seeds, chosen.expected) == (None, [], [7], {})
    with pytest.raises(UserError, match="no such arm"):
        select(study, arms=["c"], seeds=None)


def test_the_linear_control_needs_no_entry_of_its_own(tmp_path):
    study = load_study(write(tmp_path, GOOD.replace("controls: [only]", "controls: [only, linear]")))
    assert list(study.arms) == ["a", "b", "only", "linear"]
    assert study.arms["linear"][:2] == ["model=linear", "fusion=null"]
    own = GOOD.replace("controls: [only]", "controls: [only, linear]").replace("{a: [", "{linear: [fusion=film], a: [")
    assert load_study(write(tmp_path, own)).arms["linear"] == ["fusion=film"]
