"""Rows of `interlace bench data`: checking, preparing and iterating over a large manifest, compared with `datasets`."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from interlace.bench.language_models import absent
from interlace.bench.measuring import CommandFailure, measure
from interlace.bench.rows import SCRATCH, Command, Row, Settings, chosen_rows
from interlace.errors import RunFailure

MADE, OURS, PEER = "interlace.bench.data_made", "interlace.bench.data_ours", "interlace.bench.peers.datasets_manifest"
FEWEST = 2_000  # lines with --quick


@dataclass(frozen=True)
class Options(Settings):
    """Options of the data benchmark. `lines`: number of lines of the manifest."""

    lines: int


def _command(options: Options, manifest: Path, module: str, work: str) -> tuple[str, ...]:
    share = ("--threads",) if module == OURS else ("--processes",)
    return (
        sys.executable, "-m", module, str(manifest), "--work", work, "--scratch", SCRATCH, *share, str(options.threads)
    )  # fmt: skip


def _row(options: Options, manifest: Path, name: str, title: str) -> Row:
    """Return a row that compares Interlace with the peer."""
    peer = f"datasets, {options.threads} {'process' if options.threads == 1 else 'processes'}"
    return Row(
        name=name,
        title=f"{options.lines:,} lines of texts and feature vectors: {title}",
        unit="s",
        larger_is_better=False,
        ours=("interlace",),
        peers=(peer,),
        commands=(
            Command(_command(options, manifest, OURS, name), {"interlace": "value"}),
            Command(_command(options, manifest, PEER, name), {peer: "value"}, absent("datasets")),
        ),
        target=None,
    )


def check(options: Options, manifest: Path) -> Row:
    """Return the row of `interlace data check`, which has no counterpart in the peer."""
    return Row(
        name="check",
        title=f"{options.lines:,} lines of texts and feature vectors: interlace data check",
        unit="s",
        larger_is_better=False,
        ours=("interlace data check",),
        peers=(),
        commands=(Command(_command(options, manifest, OURS, "check"), {"interlace data check": "value"}),),
        target=None,
    )


def prepare(options: Options, manifest: Path) -> Row:
    """Return the row from the file to training data."""
    return _row(options, manifest, "prepare", "read, checked, words counted, tokenized and stored")


def batches(options: Options, manifest: Path) -> Row:
    """Return the row of one pass over the prepared data."""
    return _row(options, manifest, "batches", "one shuffled pass of training batches of 64, after preparing")


def make_manifest(options: Options, path: Path, environment: Mapping[str, str]) -> None:
    """Write the manifest in a separate process. Raises RunFailure on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", MADE, str(path), "--lines", str(options.lines)]
    try:
        measure(command, environment=environment, timeout=options.timeout)
    except CommandFailure as failure:
        raise RunFailure(f"bench: the manifest could not be made: {failure}") from None


ROWS: dict[str, Callable[[Options, Path], Row]] = {"check": check, "prepare": prepare, "batches": batches}


chosen = partial(chosen_rows, "data", ROWS)
