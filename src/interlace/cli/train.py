"""interlace train"""

import contextlib
from typing import Annotated

import typer

from interlace.cli.arguments import Overrides


def train(
    overrides: Overrides = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Make a run anew in its own place.")] = False,
    verify_data: Annotated[
        bool,
        typer.Option("--verify-data", help="Read all inputs again, also what nothing seems to have touched."),
    ] = False,
) -> None:
    """Train one run, or resume it, or find it finished on these inputs; prints the run directory as its last line."""
    from interlace.configuration.importing import heavy_imports
    from interlace.tracking.wandb_trial import report_trial

    given = list(overrides or [])
    with report_trial() as trial:
        with heavy_imports():
            from interlace.configuration.compose import compose

            config = compose(given, look_for_files=True)  # before what takes seconds to import

            from interlace.inputs import reading_again
            from interlace.tasks.ranks import is_main_process
            from interlace.tracking.staleness import place_of
            from interlace.tracking.status import is_done
            from interlace.training import train as train_run
        with reading_again() if verify_data else contextlib.nullcontext():
            earlier = not refresh and is_done(place_of(config).directory)
        run = train_run(config, overrides=given, refresh=refresh)
        if earlier and is_main_process():
            trial.repeat(run.config, run.directory)
    if not is_main_process():
        return
    for name, value in sorted(run.metrics.items()):
        if name.startswith("test/"):
            print(f"{name:32} {value:.4f}")
    print(run.directory)
