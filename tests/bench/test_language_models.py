"""Which rows there are, what each compares, and what is missing for it."""

import dataclasses
from pathlib import Path

import pytest

from interlace.bench import language_models
from interlace.bench.inputs import Inputs
from interlace.bench.language_models import ROWS, Options, chosen, parts_of
from interlace.errors import UserError

OPTIONS = Options(
    threads=2, repeats=1, timeout=None, quick=False, text=None, ngram_text=None, megabytes=27.0, dropout=0.1,
    attention_dropout=0.0, nanogpt=Path("/checkouts/nanoGPT"), lmplz=Path("/bin/lmplz"), cuda=False,
)  # fmt: skip
INPUTS = Inputs(Path("/inputs"))


def build(name: str, **changes):
    return ROWS[name].build(dataclasses.replace(OPTIONS, **changes), INPUTS)


def test_rows_have_the_names_of_the_command_line():
    assert list(ROWS) == ["mlm", "clm", "shakespeare", "trainer", "pack", "ngram", "gpt2-124m"]
    assert all(build(name).name == name for name in ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_every_contender_of_a_row_is_measured_once_and_belongs_to_a_side(name):
    row = build(name)
    measured = [label for command in row.commands for label in command.readings]
    assert sorted(measured) == sorted(row.ours + row.peers)
    assert not set(row.ours) & set(row.peers)
    assert row.against is None or row.against in row.peers


def test_targets():
    targets = {name: build(name).target for name in ROWS}
    assert targets["trainer"] == pytest.approx(0.98, abs=1e-3), "at most 2% slower"
    assert targets["ngram"] == 0.2, "within 5 times"
    del targets["trainer"], targets["ngram"]
    assert targets == {"mlm": 3.0, "clm": 1.3, "shakespeare": 4.0, "pack": 2.0, "gpt2-124m": None}


@pytest.mark.parametrize("name", ["mlm", "clm"])
def test_both_sides_train_with_the_same_settings(name):
    row = build(name, threads=3, dropout=0.25, attention_dropout=0.5)
    assert len(row.commands) == 4
    for command in row.commands:
        words = command.arguments
        given = {words[i]: words[i + 1] for i in range(len(words) - 1) if words[i].startswith("--")}
        told = {"--steps", "--warm-up-steps", "--batch-size", "--threads", "--dropout", "--attention-dropout"}
        assert {key: given[key] for key in told} == {
            "--steps": "16", "--warm-up-steps": "4", "--batch-size": "32", "--threads": "3", "--dropout": "0.25",
            "--attention-dropout": "0.5",
        }  # fmt: skip
        assert ("--bf16" in words) == ("bf16" in next(iter(command.readings)))


def test_a_missing_package_is_named_with_how_to_get_it(monkeypatch):
    monkeypatch.setattr(language_models, "find_spec", lambda name: None if name == "accelerate" else object())
    row = build("mlm")
    reasons = {label: command.missing for command in row.commands for label in command.readings}
    expected = "needs accelerate: uv sync --group bench, or pip install accelerate"
    assert reasons["Hugging Face Trainer, bf16"] == reasons["Hugging Face Trainer, fp32"] == expected
    assert reasons["interlace, bf16"] is None


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("shakespeare", {"nanogpt": None}, ("nanoGPT", "git clone", "--nanogpt DIR")),
        ("ngram", {"lmplz": None}, ("lmplz", "github.com/kpu/kenlm", "--lmplz PATH")),
        ("gpt2-124m", {}, ("no GPU",)),
    ],
)
def test_what_else_is_missing_is_named(monkeypatch, name, changes, words):
    monkeypatch.setattr(language_models, "find", lambda name: Path("/data") / name)
    monkeypatch.setenv("PATH", "")
    missing = build(name, **changes).commands[0].missing
    assert missing is not None
    assert all(word in missing for word in words)


def test_shakespeare_without_its_text_is_not_run_at_all(monkeypatch, tmp_path):
    monkeypatch.setenv("INTERLACE_DATA", str(tmp_path))
    monkeypatch.setenv("INTERLACE_CACHE", str(tmp_path))
    row = build("shakespeare")
    assert all(command.missing and "tinyshakespeare" in command.missing for command in row.commands)


def test_lmplz_is_found_on_the_path(monkeypatch, tmp_path):
    program = tmp_path / "lmplz"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    command = build("ngram", lmplz=None).commands[0]
    assert command.missing is None
    assert command.arguments[0] == str(program)


def test_a_gpu_is_all_that_the_gpt2_row_needs():
    row = build("gpt2-124m", cuda=True)
    assert [command.missing for command in row.commands] == [None, None]
    assert "--compiled" in row.commands[1].arguments


def test_rows_are_chosen_by_name_and_a_wrong_name_is_an_error():
    assert chosen([]) == list(ROWS)
    assert chosen(["pack", "mlm"]) == ["mlm", "pack"]
    with pytest.raises(UserError, match="bench lm pak: no such row; did you mean 'pack'"):
        chosen(["pak"])


def test_only_what_is_read_is_made():
    assert parts_of(["mlm", "clm"], cuda=False) == ["tokens"]
    assert parts_of(["ngram"], cuda=False) == []
    assert parts_of(["gpt2-124m"], cuda=False) == []
    assert parts_of(["gpt2-124m"], cuda=True) == ["words"]
