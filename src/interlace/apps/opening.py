"""Runs and indexes opened as answerers, by their folders."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from interlace.apps.answers import Answerer
from interlace.apps.predictions import NO_ANSWER
from interlace.apps.run_answerer import RunAnswerer
from interlace.apps.text_answerer import TextAnswerer, generates_tokens
from interlace.errors import UserError
from interlace.runs import load_run


def open_answerer(
    directory: Path, name: str | None = None, *, coverage: float | None = None, no_answer: str = NO_ANSWER
) -> Answerer:
    """Open a run's directory as an answerer called `name`, by default study/arm/seed. Raises UserError for others.

    `coverage`: the level of conformal sets, in (0, 1); None: no sets. `no_answer`: the text of an unknown answer.
    """
    if coverage is not None and not 0 < coverage < 1:
        raise UserError(f"coverage: got {coverage:g}; expected a probability above 0 and below 1, such as 0.9")
    run = load_run(directory)
    run.results  # noqa: B018  # of an unfinished run an error
    if name is None:
        config = run.config
        name = f"{config['study']}/{config['arm']}/seed-{config['seed']['model']}"
    if generates_tokens(run):
        return TextAnswerer(run, name)
    return RunAnswerer(run, name, coverage=coverage, no_answer=no_answer)


def open_answerers(
    directories: Sequence[Path], *, coverage: float | None = None, no_answer: str = NO_ANSWER
) -> dict[str, Answerer]:
    """Open several, by their names; those of equal names get a number. Raises UserError for a folder given twice."""
    resolved = [directory.resolve() for directory in directories]
    for number, directory in enumerate(resolved):
        if directory in resolved[:number]:
            raise UserError(f"{directories[number]}: given twice; name each run once")
    found: dict[str, Answerer] = {}
    for directory in directories:
        first = open_answerer(directory, coverage=coverage, no_answer=no_answer)
        name, number = first.description.name, 1
        while name in found:
            number += 1
            name = f"{first.description.name} ({number})"
        found[name] = first
        if number > 1:
            first.description = replace(first.description, name=name)
    return found
