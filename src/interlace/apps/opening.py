"""Runs and indexes opened as answerers, by their folders."""

from collections.abc import Sequence
from pathlib import Path

from interlace.apps.answers import Answerer
from interlace.apps.run_answerer import RunAnswerer
from interlace.apps.text_answerer import TextAnswerer, generates_tokens
from interlace.errors import UserError
from interlace.runs import load_run


def open_answerer(directory: Path, name: str | None = None) -> Answerer:
    """Open a run's directory as an answerer called `name`, by default study/arm/seed. Raises UserError for others."""
    run = load_run(directory)
    run.results  # noqa: B018  # of an unfinished run an error
    if name is None:
        config = run.config
        name = f"{config['study']}/{config['arm']}/seed-{config['seed']['model']}"
    return TextAnswerer(run, name) if generates_tokens(run) else RunAnswerer(run, name)


def open_answerers(directories: Sequence[Path]) -> dict[str, Answerer]:
    """Open several, by their names; those of equal names get a number. Raises UserError for a folder given twice."""
    resolved = [directory.resolve() for directory in directories]
    for number, directory in enumerate(resolved):
        if directory in resolved[:number]:
            raise UserError(f"{directories[number]}: given twice; name each run once")
    found: dict[str, Answerer] = {}
    for directory in directories:
        first = open_answerer(directory)
        name, number = first.description.name, 1
        while name in found:
            number += 1
            name = f"{first.description.name} ({number})"
        found[name] = first if number == 1 else open_answerer(directory, name)
    return found
