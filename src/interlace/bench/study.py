"""Rows of `interlace bench study`: runs per minute of a study, and the time to the first training step."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from interlace.bench.measuring import CommandFailure, measure
from interlace.bench.rows import SCRATCH, Command, Row, Settings, chosen_rows
from interlace.bench.study_runs import ARMS, SEEDS, STEPS, Way
from interlace.errors import RunFailure

MODULE = "interlace.bench.study_runs"
TARGET = 4.0


@dataclass(frozen=True)
class Options(Settings):
    """Options of the study benchmark. `threads`: cores of each side; Interlace uses them for `jobs` parallel runs."""

    jobs: int


def command(options: Options, way: Way, *, jobs: int, runs: tuple[int, int], scratch: str = SCRATCH) -> tuple[str, ...]:
    """Return the command that makes `runs` (arms, seeds) in one way."""
    if options.quick:
        runs = (min(runs[0], 2), min(runs[1], 2))
    return (
        sys.executable, "-m", MODULE, "--way", way, "--num-arms", str(runs[0]), "--num-seeds", str(runs[1]),
        "--jobs", str(jobs), "--threads", str(options.threads), "--scratch", scratch,
    )  # fmt: skip


def study(options: Options) -> Row:
    """Return the row of all runs; Interlace also with one run at a time, to show the gain of parallel runs."""
    size = (len(ARMS), len(SEEDS))
    ours = {f"interlace study run --jobs {jobs}": jobs for jobs in sorted({options.jobs, 1}, reverse=True)}
    peer = "Hydra multirun, one run after the other"
    return Row(
        name="study",
        title=f"{size[0]} fusion strategies x {size[1]} seeds of {STEPS} steps on generated vectors, start to end",
        unit="runs/min",
        larger_is_better=True,
        ours=tuple(ours),
        peers=(peer,),
        commands=(
            *(
                Command(command(options, "study", jobs=jobs, runs=size), {label: "value"})
                for label, jobs in ours.items()
            ),
            Command(command(options, "multirun", jobs=1, runs=size), {peer: "value"}),
        ),
        target=TARGET,
    )


def start(options: Options) -> Row:
    """Return the row of one run up to its first step."""
    ways: Mapping[str, Way] = {
        "interlace train": "train",
        "interlace study run": "study",
        "Hydra multirun": "multirun",
    }
    *ours, peer = ways
    return Row(
        name="start",
        title="from the command to the end of the first training step, one run",
        unit="s",
        larger_is_better=False,
        ours=tuple(ours),
        peers=(peer,),
        commands=tuple(
            Command(command(options, way, jobs=1, runs=(1, 1)), {label: "first_step_seconds"})
            for label, way in ways.items()
        ),
        target=None,
    )


def warm_up(options: Options, folder: Path, environment: Mapping[str, str]) -> None:
    """Make one run of each side, so that no compilation of imports is timed. Raises RunFailure when one fails."""
    ways: tuple[Way, ...] = ("study", "multirun")
    for way in ways:
        scratch = folder / way
        scratch.mkdir(parents=True)
        try:
            measure(
                command(options, way, jobs=1, runs=(1, 1), scratch=str(scratch)),
                environment=environment,
                timeout=options.timeout,
            )
        except CommandFailure as failure:
            raise RunFailure(f"bench: the warm-up ({way}) did not work: {failure}") from None


ROWS: dict[str, Callable[[Options], Row]] = {"study": study, "start": start}


chosen = partial(chosen_rows, "study", ROWS)
