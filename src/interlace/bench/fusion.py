"""The rows of `interlace bench fusion`: how costs of strategies grow, and how fast a study of them is."""

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
# An exponent that a linear cost may have: what torch counts is exact but for constant terms, times also have noise.
LINEAR_FLOPS = 1.02
LINEAR_TIME = 1.15


@dataclass(frozen=True)
class Options(Settings):
    """Of the fusion benchmark. `jobs`: runs of a study at a time, on both sides."""

    jobs: int


def curve(options: Options, axis: Axis, title: str, sizes: Sequence[int]) -> Row:
    """The exponents of one of our strategies, which should be linear, beside those of single-stream attention."""
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
    """MBT."""
    title = "forward and backward pass against the modalities, 64 tokens each: cost ~ M^p"
    return curve(options, "modalities", title, (2, 4, 8, 16))


def tokens(options: Options, folder: Path) -> Row:
    """Perceiver."""
    title = "forward and backward pass against the tokens of two modalities: cost ~ N^p"
    return curve(options, "tokens", title, (64, 128, 256, 512, 1024, 2048, 4096))


def study(options: Options, folder: Path) -> Row:
    """What the cache of tokens and shared processes are worth."""
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
    """A sentence when the recordings or the pictures are not there."""
    try:
        for name in ("mnist", "fsdd"):
            find(name)
    except UserError as error:
        return str(error)
    return None


def make_encoders(options: Options, folder: Path, environment: dict[str, str]) -> None:
    """Trains what both sides of the study freeze, in a process of its own. RunFailure when it does not work."""
    command = [sys.executable, "-m", STUDY, "encoders", str(folder), "--threads", str(options.threads)]
    try:
        measure([*command, *(["--quick"] if options.quick else [])], environment=environment, timeout=options.timeout)
    except CommandFailure as failure:
        raise RunFailure(f"bench: the encoders could not be trained: {failure}") from None


ROWS: dict[str, Callable[[Options, Path], Row]] = {"modalities": modalities, "tokens": tokens, "study": study}


chosen = partial(chosen_rows, "fusion", ROWS)
