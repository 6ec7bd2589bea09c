"""Rows of `interlace bench serve`: many clients beside the same model in a loop, and slow connections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from interlace.bench.language_models import module
from interlace.bench.measuring import CommandFailure, measure
from interlace.bench.rows import Command, Row, Settings, chosen_rows
from interlace.errors import RunFailure

HERE = "interlace.bench.serving"
SLOW = 200  # connections


@dataclass(frozen=True)
class Options(Settings):
    """Options of the benchmark of the server: parallel `clients`, and `seconds` of each side."""

    clients: int
    seconds: int


def load(options: Options, folder: Path) -> Row:
    """Return the row of many clients at one time."""
    clients, size = f"interlace serve, {options.clients} clients", ("--seconds", options.seconds)
    loops = {"predict in a loop": 1, "predict in batches of 16": 16}
    return Row(
        name="load",
        title="questions about a picture and a sound over HTTP on the loopback, and the same model called in a loop",
        unit="requests/s",
        larger_is_better=True,
        ours=(clients,),
        peers=tuple(loops),
        commands=(
            Command(
                module(f"{HERE}.load", folder, *size, "--clients", options.clients), {clients: "requests_per_second"}
            ),
            *(
                Command(module(f"{HERE}.loop", folder, *size, "--batch", batch), {name: "questions_per_second"})
                for name, batch in loops.items()
            ),
        ),
        target=1.0,
        against="predict in a loop",
    )


def attack(options: Options, folder: Path) -> Row:
    """Return the row of slow connections."""
    size = ("--connections", 20 if options.quick else SLOW, "--requests", 10 if options.quick else 200)
    readings = {"beside slow connections": "attacked_ms", "alone": "alone_ms"}
    return Row(
        name="attack",
        title=f"median of a request beside {SLOW} connections that send a byte now and then, and alone",
        unit="ms",
        larger_is_better=False,
        ours=("beside slow connections",),
        peers=("alone",),
        commands=(Command(module(f"{HERE}.attack", folder, *size), readings),),
        target=None,
    )


def make_inputs(options: Options, folder: Path, environment: Mapping[str, str]) -> None:
    """Train a small run, and write questions with its answers, in a separate process. Raises RunFailure."""
    command = module(f"{HERE}.made", folder, "--questions", 8 if options.quick else 64)
    try:
        measure(command, environment=environment, timeout=options.timeout)
    except CommandFailure as failure:
        raise RunFailure(f"bench: the run could not be made: {failure}") from None


ROWS: dict[str, Callable[[Options, Path], Row]] = {"load": load, "attack": attack}


chosen = partial(chosen_rows, "serve", ROWS)
