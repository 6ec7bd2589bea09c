"""Rows of `interlace bench tasks`: retrieval, beam search and reading, beside peers and plain loops."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from interlace.bench.language_models import absent, module
from interlace.bench.measuring import CommandFailure, measure
from interlace.bench.rows import SCRATCH, Command, Row, Settings, chosen_rows
from interlace.errors import RunFailure

Ends = Literal["vary", "equal"]
HERE = "interlace.bench.tasks"
FEWEST = 2_000  # passages with --quick
QUERIES = 2_000
RETRIEVAL_ROWS = ("index", "query")  # which read the passages


@dataclass(frozen=True)
class Options(Settings):
    """Options of the benchmark of language tasks. `passages`: number of passages and of vectors."""

    passages: int


def retrieval(options: Options, folder: Path, name: str, title: str, unit: str, least: float) -> Row:
    """Return a row of BM25, each side in a process of its own."""
    commands = {
        "interlace": module(f"{HERE}.retrieval", folder, "--work", name),
        "bm25s": module("interlace.bench.peers.bare_bm25s", folder, "--work", name),
    }
    return Row(
        name=name,
        title=f"BM25, {options.passages:,} passages of 20 to 180 words: {title}",
        unit=unit,
        larger_is_better=True,
        ours=("interlace",),
        peers=("bm25s",),
        commands=tuple(Command(command, {label: "value"}) for label, command in commands.items()),
        target=None,
        at_least={"interlace": least},
        agree_on="digest",
    )


def index(options: Options, folder: Path) -> Row:
    """Return the row of indexing texts."""
    return retrieval(options, folder, "index", "from their texts to an index in memory", "passages/s", 5_000)


def query(options: Options, folder: Path) -> Row:
    """Return the row of answering queries."""
    return retrieval(options, folder, "query", "the ten best for a query of six words, one by one", "queries/s", 1_000)


def dense(options: Options, folder: Path) -> Row:
    """Return the row of exact search for the nearest vectors."""
    size = ("--vectors", options.passages, "--queries", 500, "--rounds", 1 if options.quick else 3)
    return Row(
        name="dense",
        title=f"the ten nearest of {options.passages:,} vectors of 384 numbers, all inner products",
        unit="queries/s",
        larger_is_better=True,
        ours=("interlace",),
        peers=("numpy", "torch"),
        commands=(Command(module(f"{HERE}.dense", *size), {name: name for name in ("interlace", "numpy", "torch")}),),
        target=None,
    )


def beams(options: Options, folder: Path, ends: Ends) -> Row:
    """Return a row of beam search, of sentences that end at different lengths or all at the same."""
    size = ("--sentences", 4, "--rounds", 1, "--quick") if options.quick else ("--sentences", 32, "--rounds", 4)
    told = {"vary": "sentences of 4 to 32 tokens", "equal": "sentences of 24 tokens, none of which ends before another"}
    return Row(
        name={"vary": "beams", "equal": "beams-equal"}[ends],
        title=f"beam search with 4 beams, T5 v1.1 4 + 4 x 256, V 8192, B 32: {told[ends]}",
        unit="sentences/s",
        larger_is_better=True,
        ours=("interlace",),
        peers=("transformers generate",),
        commands=(
            Command(
                module(f"{HERE}.beam_search", *size, "--ends", ends, "--scratch", SCRATCH),
                {"interlace": "interlace", "transformers generate": "transformers"},
                absent("transformers"),
            ),
        ),
        target=1.2,
    )


def reading(options: Options, folder: Path) -> Row:
    """Return the row of windows in batches of similar length."""
    size = ("--questions", 20, "--rounds", 1, "--quick") if options.quick else ("--questions", 400, "--rounds", 4)
    ours, raw = "interlace, by length", "raw loop, order of the file"
    return Row(
        name="reading",
        title="answers in windows of up to 256 tokens, contexts of 20 to 250 words, transformer 2 x 128, B 32",
        unit="windows/s",
        larger_is_better=True,
        ours=(ours,),
        peers=(raw,),
        commands=(
            Command(module(f"{HERE}.reading", *size, "--scratch", SCRATCH), {ours: "interlace", raw: "raw loop"}),
        ),
        target=None,
    )


def make_passages(options: Options, folder: Path, environment: Mapping[str, str]) -> None:
    """Write passages, queries and their index in a separate process. Raises RunFailure on failure."""
    command = module(f"{HERE}.made", folder, "--passages", options.passages, "--queries", QUERIES)
    try:
        measure(command, environment=environment, timeout=options.timeout)
    except CommandFailure as failure:
        raise RunFailure(f"bench: the passages could not be made: {failure}") from None


ROWS: dict[str, Callable[[Options, Path], Row]] = {
    "index": index,
    "query": query,
    "dense": dense,
    "beams": partial(beams, ends="vary"),
    "beams-equal": partial(beams, ends="equal"),
    "reading": reading,
}


chosen = partial(chosen_rows, "tasks", ROWS)
