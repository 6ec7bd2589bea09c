"""Execution and output of the commands of `interlace bench`."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlace.cli.arguments import writable_file

if TYPE_CHECKING:
    from interlace.bench.rows import Outcome, Row, Settings

Output = Annotated[
    Path | None, typer.Option(help="Also write everything as JSON to this file.", callback=writable_file)
]
Repeat = Annotated[int, typer.Option(min=1, help="Times that each side is run, in turn.")]
Timeout = Annotated[float | None, typer.Option(min=1, help="Seconds after which a command has failed.")]
Strict = Annotated[bool, typer.Option(help="Exit code 1 also for a missed target or a skipped row.")]


class Start:
    """The start time of a benchmark and the machine's load; warns if the load is too high."""

    def __init__(self) -> None:
        from interlace.bench import benchmark, machine

        self.time, self.load = benchmark.now(), machine.load()
        if self.load is not None and self.load > benchmark.BUSY:
            print(f"bench: the machine is busy (load {self.load}); numbers will be too low", file=sys.stderr)


@contextlib.contextmanager
def scratch_folder() -> Iterator[tuple[Path, Callable[[str], None]]]:
    """A temporary folder for a benchmark, and a function that shows its progress."""
    import tempfile

    from interlace.cli.console import status_line

    with tempfile.TemporaryDirectory(prefix="interlace-bench-") as name, status_line() as tell:
        yield Path(name), tell


def measured(
    rows: Sequence["Row"],
    options: "Settings",
    output: Path | None,
    environment: dict[str, str],
    folder: Path,
    tell: Callable[[str], None],
    started: Start,
    text: str | None,
) -> list["Outcome"]:
    """Runs the rows; `output` is rewritten after each, so that an interruption keeps the finished ones."""
    from interlace.bench import benchmark
    from interlace.tracking.files import write_json

    outcomes: list[Outcome] = []
    for outcome in benchmark.run_rows(rows, options, environment, folder / "scratch", tell):
        outcomes.append(outcome)
        if output is not None:
            content = benchmark.record(
                outcomes, options, started=started.time, load=started.load, arguments=sys.argv[1:], text=text
            )
            write_json(output, content)
    return outcomes


def conclude(outcomes: Sequence["Outcome"], strict: bool) -> None:
    """Prints the table; exit code 1 when a command failed, with `strict` also for a missed target or a skipped row."""
    from rich.console import Console

    from interlace.bench import benchmark, table

    table.show(outcomes, Console())
    bad = any(outcome.failed for outcome in outcomes)
    if strict:
        bad = bad or any(benchmark.status(o) != "ran" or o.reached is False for o in outcomes)
    if bad:
        raise typer.Exit(1)


def absolute(path: Path | None) -> Path | None:
    """The absolute form of a path, its `~` expanded; None stays None."""
    return path.expanduser().resolve() if path is not None else None


def check_files(given: dict[str, Path | None]) -> None:
    """Raises UserError for the first option (name -> value) that names a file or folder that does not exist."""
    from interlace.errors import UserError

    for option, path in given.items():
        if path is not None and not path.expanduser().exists():
            raise UserError(f"{option} {path}: no such file or folder; name one that is there, or leave it out")
