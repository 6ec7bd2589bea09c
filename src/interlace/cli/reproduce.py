"""interlace reproduce"""

from typing import Annotated

import typer

from interlace.cli.arguments import RunDirectory


def reproduce(
    run_dir: RunDirectory,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse when code, packages or hardware differ.")] = False,
) -> None:
    """Train a finished run once more and compare its figures; names everything that differs."""
    from interlace.reproduction import reproduce_run
    from interlace.runs import load_run

    result = reproduce_run(load_run(run_dir), strict=strict)
    for line in result.differences:
        print(f"differs  {line}")
    for name, (before, after) in sorted(result.metrics.items()):
        print(f"{'same ' if before == after else 'OTHER'}    {name:32} was {before:.6f}  is {after:.6f}")
    print("reproduced exactly" if result.exact else "not reproduced exactly")
    print(result.directory)
    if not result.exact:
        raise typer.Exit(1)
