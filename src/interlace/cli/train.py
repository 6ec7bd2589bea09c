"""interlace train"""

import contextlib
from typing import Annotated, Literal

import typer

from interlace.cli.arguments import Overrides


def train(
    overrides: Overrides = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Train a finished run again, in its directory.")] = False,
    cfg: Annotated[
        Literal["job", "hydra", "all"] | None,
        typer.Option("--cfg", help="As in Hydra: print the configuration and train nothing."),
    ] = None,
    verify_data: Annotated[
        bool,
        typer.Option("--verify-data", help="Read all inputs again, also what nothing seems to have touched."),
    ] = False,
) -> None:
    """Train one run; its directory is the last line of the output.

    The configuration decides the directory: the same command resumes an interrupted run from its last checkpoint, and
    finds a finished one. --refresh trains a finished run again.

    interlace list shows what can be chosen (interlace list fusion), interlace config show OVERRIDES the configuration
    with every option, interlace list experiments the presets for experiment=NAME.
    """
    if cfg is not None:
        print_config(list(overrides or []), cfg)
        return
    from interlace.configuration.importing import heavy_imports
    from interlace.tracking.wandb_trial import report_trial

    given = list(overrides or [])
    with report_trial() as trial:
        with heavy_imports():
            from interlace.configuration.compose import compose

            config = compose(given, look_for_files=True)  # before what takes seconds to import

            from interlace.inputs import rehashing
            from interlace.tasks.ranks import is_main_process
            from interlace.tracking.staleness import place_of
            from interlace.tracking.status import is_done
            from interlace.training import train as train_run
        with rehashing() if verify_data else contextlib.nullcontext():
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


def print_config(overrides: list[str], what: str) -> None:
    """The configuration that a run with these overrides has, as `config show` prints it."""
    if what != "job":
        from interlace.cli.usage import show_command
        from interlace.errors import UserError

        raise UserError(
            f"train --cfg {what}: Hydra's own settings have no effect on a run; --cfg job prints the run's "
            f"configuration, as does: {show_command(overrides)}"
        )
    from interlace.cli.config import show

    show(overrides)
