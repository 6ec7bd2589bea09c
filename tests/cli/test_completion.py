"""Completion in the shell, asked the way that each shell asks."""

import os
import subprocess
import sys
import time

import pytest

from interlace.cli.completion import overrides_from
from interlace.configuration.names import choices, groups


def asked(environment):
    done = subprocess.run(
        [sys.executable, "-c", "from interlace.cli import main; main()"],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.stdout


def in_bash(*words):
    """What bash replaces its last word with; it makes words of its own at each "="."""
    told = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1), "_INTERLACE_COMPLETE": "complete_bash"}
    return asked(told).split()


@pytest.mark.parametrize("group", sorted(groups()))
def test_every_group_completes_to_its_files(group):
    assert overrides_from(f"{group}=", []) == [f"{group}={name}" for name in choices(group)]
    beginning = choices(group)[0][:1]
    assert overrides_from(f"{group}={beginning}", []) == [
        f"{group}={name}" for name in choices(group) if name.startswith(beginning)
    ]


def test_groups_and_sections_are_offered_before_their_values():
    offered = overrides_from("", [])
    assert {f"{group}=" for group in groups()} <= set(offered)
    assert {"trainer.", "optimizer.", "seed."} <= set(offered)
    assert set(overrides_from("seed.", [])) == {"seed.model=", "seed.data="}
    assert overrides_from("seed.mod", []) == ["seed.model=0"], "a single option is offered with its default"
    assert overrides_from("nothing-begins-so", []) == []


def test_options_are_those_of_the_choices_made_before():
    usual, other = (set(overrides_from("fusion.", given)) for given in ([], ["fusion=low_rank"]))
    assert "fusion.rank=" in other - usual


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("interlace", "train", "fusion", "="), choices("fusion")),
        (("interlace", "train", "seed", "=", "1", "fusion", "=", "con"), ["concat"]),
        (("interlace", "study", "run", "dem"), ["demo"]),
        (("interlace", "study", "run", "demo", "fusion", "=", "con"), ["concat"]),
    ],
)
def test_bash_is_answered_the_part_after_its_last_break(words, expected):
    assert in_bash(*words) == expected


def test_zsh_and_fish_are_answered_whole_words():
    line = "interlace train fusion=con"
    zsh = asked({"_TYPER_COMPLETE_ARGS": line, "_INTERLACE_COMPLETE": "complete_zsh"})
    assert '"fusion=concat"' in zsh
    fish = {"_TYPER_COMPLETE_ARGS": line, "_INTERLACE_COMPLETE": "complete_fish"}
    assert asked({**fish, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}).split() == ["fusion=concat"]


def test_an_answer_imports_nothing_heavy(capsys):
    code = (
        "import sys; from interlace.cli import application; from interlace.cli.completion import overrides_from;"
        "overrides_from('trainer.', []); overrides_from('fusion=', []);"
        "print([m for m in ('torch', 'hydra', 'omegaconf', 'pydantic', 'numpy', 'pandas') if m in sys.modules])"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    with capsys.disabled():
        print(f"\ncompletion: {time.monotonic() - started:.2f} s")
    assert done.stdout.strip() == "[]"
