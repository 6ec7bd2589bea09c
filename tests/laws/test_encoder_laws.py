"""Each law of encoders tells the encoder that breaks it, and lets one that keeps all of them pass."""

import pytest

from interlace.cli.application import run
from interlace.laws.encoder import LAWS
from interlace.laws.subjects import examine_encoder
from tests.laws.broken_encoders import BROKEN

HERE = "tests.laws.broken_encoders"


def test_there_is_a_broken_encoder_for_each_law():
    assert list(BROKEN) == [law.name for law in LAWS]
    assert all(len(law.meaning) > 20 for law in LAWS)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_encoder_breaks_its_law_alone(name):
    found = examine_encoder(f"{HERE}.{BROKEN[name].__name__}", "features", {})
    assert {each.law: each.reason for each in found if each.reason is not None}.keys() == {name}


def test_a_whole_one_passes_on_the_command_line(capsys):
    assert run(["test", "encoder", f"{HERE}.Whole", "--kind", "features"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{HERE}.Whole: every law holds"
    assert run(["test", "encoder", "features/mlp", "dim=8"]) == 0
    assert run(["test", "encoder", f"{HERE}.SameWeightsSameTokens", "--kind", "features"]) == 1
    assert "FAIL  same weights same tokens: features: its state_dict gives other tokens" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "told"), [
    ([f"{HERE}.Whole"], "no file of conf/encoder names it; give the kind of modality by --kind (text, image,"),
    (["features/mlpp"], "mlpp: no such choice of encoder/features; did you mean 'mlp'"),
    (["features/trained"], "a value is required"),
    ([f"{HERE}.Whole", "--kind", "smell"], "give the kind of modality by --kind (text, image,"),
])  # fmt: skip
def test_what_cannot_be_examined_is_told_in_one_sentence(arguments, told, capsys):
    assert run(["test", "encoder", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
