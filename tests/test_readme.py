"""README.md and docs/ show only commands that exist, with options and keys that exist."""

import contextlib
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from interlace.cli.application import app
from interlace.configuration.compose import compose
from interlace.errors import UserError
from tests.readme import commands, sections

EVERY = [(section, words) for section in sections() for words in commands(section) if words[0] == "interlace"]


def bound(words: list[str]) -> str:
    """The verb that takes these words, bound as the command line binds them; a UsageError when none would."""
    command, rest, context = typer.main.get_command(app), list(words), None
    if words[0] in {option for each in command.params for option in each.opts}:
        return words[0]  # an option of the program itself
    while hasattr(command, "commands"):
        context = command.make_context("interlace", rest, parent=context, resilient_parsing=True)
        context.resilient_parsing = False
        if not context._protected_args + context.args:
            return context.info_name or words[0]  # a group of verbs, named in the text
        name, found, rest = command.resolve_command(context, context._protected_args + context.args)
        command = found
    with contextlib.suppress(UserError):  # the names of files that a reader puts in place of these are looked for last
        command.make_context(name, list(rest), parent=context, resilient_parsing=not rest)  # without: a verb's name
    return name


def test_commands_are_found():
    assert len(EVERY) > 50
    assert len({section for section, _ in EVERY}) > 8
    told = [shlex.join(words) for _, words in EVERY]
    assert any(line.startswith("interlace train experiment=manifest data.path=my/captions.jsonl") and "return_tokens"
               in line for line in told), "a command over two lines is one"  # fmt: skip
    assert "interlace evaluate RUN_DIR metrics=imbalanced" in told, "those in the text too"


@pytest.mark.parametrize("words", [words for _, words in EVERY], ids=shlex.join)
def test_verb_and_options_exist(words):
    assert bound(words[1:]) in words


def test_every_target_of_make_exists():
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    named = {word for section in sections() for words in commands(section) if words[0] == "make" for word in words[1:]}
    assert {"demo", "test"} <= named <= targets


def test_a_wrong_option_or_verb_would_be_found():
    wrong = "study status x --no-such", "studdy run x", "study runs x", "tokenizer train x.txt"
    for words in map(shlex.split, wrong):
        with pytest.raises(Exception, match=r"No such|Missing parameter"):
            bound(words)


def composed(section: str, words: list[str]) -> bool:
    """True for a run whose options are all there: no plug-in of the page, no output of another command, no study."""
    plain = all("=" in word and "$(" not in word for word in words[2:])
    return words[1:2] == ["train"] and len(words) > 2 and plain and "write-a-plug-in" not in section


@pytest.mark.slow
@pytest.mark.parametrize("words", [words for each, words in EVERY if composed(each, words)], ids=shlex.join)
def test_every_configuration_composes(words):
    compose(words[2:])
