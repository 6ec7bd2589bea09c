"""Rows of `interlace bench fusion`: growth of the costs of strategies, and speed of a study of them."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from interlace.bench.curves import STRATEGIES, Axis
from interlace.bench.measuring import CommandFailure, measure
from interlace.bench.rows import SCRATCH, Command, Row, Settings, chosen_rows
from interlace.bench.study_speed import ARMS, SEEDS, Way
from interlace.data.sources import find
from interlace.errors import RunFailure, UserError

CURVES = "interlace.bench.curves"
STUDY = "interlace.bench.study_speed"
# Largest exponents of a linear cost: counted FLOPs deviate by constant terms, times also by noise.
LINEAR_FLOPS = 1.02
LINEAR_TIME = 1.15


@dataclass(frozen=True)
class Options(Settings):
    """Options of the fusion benchmark. `jobs`: simultaneous runs of a study, for all contenders."""

    jobs: int


def curve(options: Options, axis: Axis, title: str, sizes: Sequence[int]) -> Row:
    """Return the row of the exponents of a linear strategy and of single-stream attention."""
    linear, other = STRATEGIES[axis]
    if options.quick:
        sizes = sizes[:2]
    command = (
        sys.executable, "-m", CURVES, axis, "--sizes", *map(str, sizes),
        "--repeats", "1" if options.quick else "3", "--threads", str(options.threads),
    )  # fmt: skip
    labels = {
        f"{name}, {what}": f"{name} {key}"
        for name in (linear, other)
        for what, key in (("FLOPs", "flops"), ("time", "time"))
    }
    return Row(
        name=axis,
        title=title,
        unit="(exponent)",
        larger_is_better=False,
        ours=tuple(labels),
        peers=(),
        commands=(Command(command, labels),),
        target=None,
        at_most={f"{linear}, FLOPs": LINEAR_FLOPS, f"{linear}, time": LINEAR_TIME},
    )


def modalities(options: Options, folder: Path) -> Row:
    """Return the row of the bottleneck strategy (MBT) over the number of modalities."""
    title = "forward and backward pass against the modalities, 64 tokens each: cost ~ M^p"
    return curve(options, "modalities", title, (2, 4, 8, 16))


def tokens(options: Options, folder: Path) -> Row:
    """Return the row of the Perceiver strategy over the number of tokens."""
    title = "forward and backward pass against the tokens of two modalities: cost ~ N^p"
    return curve(options, "tokens", title, (64, 128, 256, 512, 1024, 2048, 4096))


def study(options: Options, folder: Path) -> Row:
    """Return the row of a study with and without cached tokens and shared processes."""
    missing = missing_data()
    ways: dict[Way, str] = {
        "fresh": "no cache, interlace train a run",
        "forked": "no cache, forked process a run",
        "cached": "cached tokens, many runs a process",
    }
    commands = tuple(
        Command(
            (
                sys.executable, "-m", STUDY, "runs", str(folder), "--jobs", str(options.jobs), "--scratch", SCRATCH,
                "--way", way, *(("--quick",) if options.quick else ()),
            ),
            {label: "value"},
            missing,
        )
        for way, label in ways.items()
    )  # fmt: skip
    return Row(
        name="study",
        title=(
            f"{len(ARMS)} strategies x {len(SEEDS)} seeds on av_digits over frozen encoders, 400 updates a run: the "
            f"whole study, beside one run of each strategy without the cache; training of the encoders left out"
        ),
        unit="runs/min",
        larger_is_better=True,
        ours=(ways["cached"],),
        peers=(ways["fresh"], ways["forked"]),
        commands=commands,
        target=4.0,
        against=ways["fresh"],
    )


def missing_data() -> str | None:
    """Return a message if the recordings or the images are missing."""
    try:
        for name in ("mnist", "fsdd"):
            find(name)
    except UserError as error:
        return str(error)
    return None


def make_encoders(options: Options, folder: Path, environment: dict[str, str]) -> None:
    """Train the encoders that the study freezes, in a separate process. Raises RunFailure on failure."""
    command = [sys.executable, "-m", STUDY, "encoders", str(folder), "--threads", str(options.threads)]
    try:
        measure([*command, *(["--quick"] if options.quick else [])], environment=environment, timeout=options.timeout)
    except CommandFailure as failure:
        raise RunFailure(f"bench: the encoders could not be trained: {failure}") from None


ROWS: dict[str, Callable[[Options, Path], Row]] = {"modalities": modalities, "tokens": tokens, "study": study}


chosen = partial(chosen_rows, "fusion", ROWS)
