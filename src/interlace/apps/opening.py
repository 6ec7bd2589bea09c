"""Runs and indexes opened as answerers, by their folders."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

from interlace.apps.answers import Answerer
from interlace.apps.index_answerer import MOST_PASSAGES, IndexAnswerer
from interlace.apps.predictions import NO_ANSWER
from interlace.apps.run_answerer import RunAnswerer
from interlace.apps.text_answerer import TextAnswerer, generates_tokens
from interlace.assembly.ranking import ranks_passages
from interlace.configuration.checking import resolve_target
from interlace.errors import UserError
from interlace.models.text_algorithms.graph_answers import GraphAnswers
from interlace.retrieval.index import Index
from interlace.retrieval.loading import INDEX, is_index, open_index_folder
from interlace.runs import Run, load_run


class OpeningOptions(TypedDict, total=False):
    """Options of answerers, each for those that it fits.

    `coverage`: the level of conformal sets, in (0, 1); None: no sets. `no_answer`: the text of an unknown answer.
    `reader`: the run of a task `span` that answers from the passages of indexes. `graph`: a file of triples in the
    place of that of a run of `model=graph_answers`. `depth`: the number of passages that an index finds and reads.
    `device`: of the models of runs, "cpu" or "cuda".
    """

    coverage: float | None
    no_answer: str
    reader: Path | None
    graph: Path | None
    depth: int
    device: str


def open_answerer(directory: Path, name: str | None = None, **options: Unpack[OpeningOptions]) -> Answerer:
    """Open the directory of a run, or an index, as an answerer called `name`.

    The default name is study/arm/seed, of an index that of its folder. Raises UserError for other folders.
    """
    coverage, no_answer = options.get("coverage"), options.get("no_answer", NO_ANSWER)
    if coverage is not None and not 0 < coverage < 1:
        raise UserError(f"coverage: got {coverage:g}; expected a probability above 0 and below 1, such as 0.9")
    if is_index(directory):
        owner = _owner(directory)
        if owner is None:
            return _index_answerer(open_index_folder(directory), name or directory.resolve().name, options)
        directory = owner
    run = load_run(directory, options.get("device", "cpu"))
    run.results  # noqa: B018  # of an unfinished run an error
    if name is None:
        config = run.config
        name = f"{config['study']}/{config['arm']}/seed-{config['seed']['model']}"
    if ranks_passages(run.config):
        return _index_answerer(run.kept_model, name, options)
    if generates_tokens(run):
        return TextAnswerer(run, name)
    graph = options.get("graph")
    if graph is not None and answers_from_graph(run):
        run.config["model"] = {**run.config["model"], "graph": str(graph)}
    return RunAnswerer(run, name, coverage=coverage, no_answer=no_answer)


def open_answerers(directories: Sequence[Path], **options: Unpack[OpeningOptions]) -> dict[str, Answerer]:
    """Open several, by their names; those of equal names get a number.

    Raises UserError for a folder given twice, and for a reader or a graph that fits none of them.
    """
    resolved = [directory.resolve() for directory in directories]
    for number, directory in enumerate(resolved):
        if directory in resolved[:number]:
            raise UserError(f"{directories[number]}: given twice; name each run once")
    found: dict[str, Answerer] = {}
    for directory in directories:
        first = open_answerer(directory, **options)
        name, number = first.description.name, 1
        while name in found:
            number += 1
            name = f"{first.description.name} ({number})"
        found[name] = first
        if number > 1:
            first.description = replace(first.description, name=name)
    _check_used(list(found.values()), options)
    return found


def answers_from_graph(run: Run) -> bool:
    """True for a run that looks answers up in a knowledge graph."""
    return run.config["model"] is not None and resolve_target("model", run.config["model"]) is GraphAnswers


def _index_answerer(index: Index, name: str, options: OpeningOptions) -> IndexAnswerer:
    given = options.get("reader")
    reader = None if given is None else load_run(given, options.get("device", "cpu"))
    no_answer, depth = options.get("no_answer", NO_ANSWER), options.get("depth", MOST_PASSAGES)
    return IndexAnswerer(index, name, reader=reader, no_answer=no_answer, depth=depth)


def _owner(index: Path) -> Path | None:
    """Return the directory of the run that an index belongs to; None for one made of documents."""
    parents = index.resolve().parents
    kept = index.resolve().name == INDEX and parents[0].name == "checkpoints"
    return parents[1] if kept and (parents[1] / "config.yaml").is_file() else None


def _check_used(answerers: Sequence[Answerer], options: OpeningOptions) -> None:
    """Raise UserError for an option that none of the answerers uses."""
    if options.get("reader") is not None and not any(isinstance(each, IndexAnswerer) for each in answerers):
        raise UserError(
            f"--reader {options['reader']}: it reads passages of an index, and none is asked; name an index "
            "(interlace index makes one) or a retrieval run"
        )
    runs = [each.run for each in answerers if isinstance(each, RunAnswerer)]
    if options.get("graph") is not None and not any(answers_from_graph(run) for run in runs):
        raise UserError(
            f"--graph {options['graph']}: it belongs to a run of model=graph_answers, and none is asked; train one "
            "with experiment=graph_qa"
        )
