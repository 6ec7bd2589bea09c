"""interlace sweep"""

import typer

from interlace.cli import sweep_wandb
from interlace.cli.arguments import Json, Overrides
from interlace.cli.study import CORES, Jobs, StudyName, load

app = typer.Typer(no_args_is_help=True, help="Hyperparameter search: trials, their states and a report.")


@app.command()
def optuna(
    study: StudyName,
    overrides: Overrides = None,
    jobs: Jobs = CORES,
    json: Json = False,
) -> None:
    """Make the remaining trials of a study's search, then write the report and print its path.

    After a stop or a crash the same command continues. Several processes, also on machines that share the disk, can
    run it at once: each trial is made by one of them.
    """
    chosen = load(study, None, None)
    from interlace.studies.sweep.verbs import run_sweep

    code = run_sweep(chosen, list(overrides or []), jobs=jobs, as_json=json)
    if code:
        raise typer.Exit(code)


@app.command()
def status(study: StudyName, overrides: Overrides = None, json: Json = False) -> None:
    """Show the state of each trial of a sweep, and the best trial so far."""
    chosen = load(study, None, None)
    from interlace.studies.sweep.verbs import show_sweep

    show_sweep(chosen, list(overrides or []), as_json=json)


@app.command()
def report(study: StudyName, overrides: Overrides = None) -> None:
    """Write the report of the finished trials, and print its path."""
    chosen = load(study, None, None)
    from interlace.studies.sweep.verbs import write_sweep_report

    print(write_sweep_report(chosen, list(overrides or [])))


sweep_wandb.register(app)
