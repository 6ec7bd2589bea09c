"""interlace bench predict"""

from typing import Annotated

import typer

from interlace.cli.benchmarking import Output, Repeat, Start, Strict, Timeout, conclude, measured, scratch_folder
from interlace.configuration.cores import available_cores


def predict(
    rows: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ROWS]...", help="Of texts, media; both when none is named.", show_default=False),
    ] = None,
    output: Output = None,
    lines: Annotated[int, typer.Option(min=128, help="Lines of the file that is predicted.")] = 4096,
    repeat: Repeat = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each side; default: all cores.")] = None,
    timeout: Timeout = None,
    quick: Annotated[bool, typer.Option(help="Few lines: to see it run; numbers mean nothing.")] = False,
    strict: Strict = False,
) -> None:
    """Measure lines a second of `interlace predict`, from file to file, beside the forward pass of its model alone.

    The forward pass gets batches that are decoded already; both give the same classes. Let nothing else run.
    """
    from interlace.bench import benchmark
    from interlace.bench.predict import FEWEST, ROWS, Options, chosen

    options = Options(
        threads=threads or available_cores(), repeats=repeat, timeout=timeout, quick=quick,
        lines=min(lines, FEWEST) if quick else lines,
    )  # fmt: skip
    names = chosen(rows or [])
    with scratch_folder() as (folder, tell):
        environment = benchmark.environment(folder, options.threads)
        started = Start()
        built = [ROWS[row](options) for row in names]
        outcomes = measured(built, options, output, environment, folder, tell, started, None)
    conclude(outcomes, strict)
