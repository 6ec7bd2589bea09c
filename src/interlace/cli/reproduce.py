"""interlace reproduce"""

import sys
from typing import Annotated

import typer

from interlace.cli.arguments import RunDirectory


def reproduce(
    run_dir: RunDirectory,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse where code, packages, hardware, data or parents differ.")
    ] = False,
) -> None:
    """Train a finished run once more and compare its metrics.

    Differences from the run's manifest (code, packages, hardware, data, tokenizer, parents) are listed before training,
    each with a remedy; with --strict any difference is an error.
    """
    from interlace.reproduction import reproduce_run
    from interlace.runs import load_run

    result = reproduce_run(
        load_run(run_dir), strict=strict, report=lambda each: print(f"differs  {each}", file=sys.stderr)
    )
    for name, (before, after) in sorted(result.metrics.items()):
        print(f"{'same ' if before == after else 'OTHER'}    {name:32} was {before:.6f}  is {after:.6f}")
    print("reproduced exactly" if result.exact else "not reproduced exactly")
    print(result.directory)
    if not result.exact:
        raise typer.Exit(1)
