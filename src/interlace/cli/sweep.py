"""interlace sweep"""

import typer

from interlace.cli import sweep_wandb
from interlace.cli.arguments import Json, Overrides
from interlace.cli.study import CORES, Jobs, StudyName, load

app = typer.Typer(no_args_is_help=True, help="Search for the options that serve best, trial by trial.")


@app.command()
def optuna(
    study: StudyName,
    overrides: Overrides = None,
    jobs: Jobs = CORES,
    json: Json = False,
) -> None:
    """Make the trials of a study's search that are left, then write the report and print its path.

    Stopped or killed, the same command goes on; several at once, also on machines that share the disk, share the work.
    """
    chosen = load(study, None, None)
    from interlace.studies.sweep.verbs import run_sweep

    code = run_sweep(chosen, list(overrides or []), jobs=jobs, as_json=json)
    if code:
        raise typer.Exit(code)


@app.command()
def status(study: StudyName, overrides: Overrides = None, json: Json = False) -> None:
    """Show where every trial of a sweep stands, and the best so far."""
    chosen = load(study, None, None)
    from interlace.studies.sweep.verbs import show_sweep

    show_sweep(chosen, list(overrides or []), as_json=json)


@app.command()
def report(study: StudyName, overrides: Overrides = None) -> None:
    """Write the report of the trials that have ended, and print its path."""
    chosen = load(study, None, None)
    from interlace.studies.sweep.verbs import write_sweep_report

    print(write_sweep_report(chosen, list(overrides or [])))


sweep_wandb.register(app)
