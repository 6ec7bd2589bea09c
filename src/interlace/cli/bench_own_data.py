"""interlace bench own-data and own-data-sets"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import Overrides
from interlace.cli.benchmarking import scratch_folder


def own_data(
    overrides: Overrides = None,
    fusions: Annotated[str, typer.Option(help="Strategies, comma-separated.")] = "attention,concat,late_mean",
    sets: Annotated[int, typer.Option(min=1, help="Simulated data sets to train on.")] = 5,
    first: Annotated[int, typer.Option(min=0, help="Seed of the first of them.")] = 0,
    output: Annotated[Path | None, typer.Option(help="Also write everything as JSON to this file.")] = None,
) -> None:
    """Train experiment=manifest on small simulated data of three feature sequences, and a linear model to compare.

    1,283 training examples whose signal is mostly linear; OVERRIDES change the recipe.
    """
    from rich.console import Console
    from rich.table import Table

    from interlace.bench.own_data import measure, told
    from interlace.tracking.files import write_json

    with scratch_folder() as (folder, tell):
        accuracies = measure(folder, fusions.split(","), range(first, first + sets), list(overrides or []), tell)
    if output is not None:
        write_json(output, {"command": ["interlace", *sys.argv[1:]], "models": accuracies})
    table = Table("model", "test accuracy, %", "difference from linear", "95% over data sets")
    for row in told(accuracies):
        table.add_row(*row)
    Console().print(table)


def own_data_sets(
    folder: Annotated[Path, typer.Argument(help="Folder for the data sets; those that exist are kept.")],
) -> None:
    """Write the six data sets of the study own-data as manifests, and print a simple model's test accuracy on each."""
    from interlace.bench.own_data_sets import SETS, simple_figure
    from interlace.cli.console import status_line

    with status_line() as tell:
        for name, make in SETS.items():
            path = folder / name / "manifest.jsonl"
            if not path.exists():
                tell(f"{name}: writing")
                path.parent.mkdir(parents=True, exist_ok=True)
                make(path.parent)
            tell(f"{name}: support vector machine")
            found = simple_figure(path)
            print(
                f"{name}: {100 * found['test']:.1f}% of the test examples (C {found['C']:g}, gamma {found['gamma']:g})"
            )
