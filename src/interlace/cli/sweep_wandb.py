"""interlace sweep wandb-init, wandb-agent and wandb-best"""

from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import Json, Overrides
from interlace.cli.study import StudyName

SweepPath = Annotated[str, typer.Argument(metavar="ENTITY/PROJECT/SWEEP", help="As wandb-init prints it.")]


def register(app: typer.Typer) -> None:
    """Adds the verbs of W&B sweeps to the group."""
    app.command("wandb-init")(wandb_init)
    app.command("wandb-agent")(wandb_agent)
    app.command("wandb-best")(wandb_best)


def wandb_init(
    study: StudyName,
    overrides: Overrides = None,
    arm: Annotated[str | None, typer.Option("--arm", help="The arm to sweep; default: all.")] = None,
    method: Annotated[
        str | None, typer.Option("--method", help="grid, random or bayes.", show_default="the study's, else grid")
    ] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Trials at most.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="Validation metric that ranks the trials.")] = None,
    hyperband: Annotated[
        int | None,
        typer.Option(
            "--hyperband",
            min=1,
            help="Hyperband: stop poor trials early, first after this many rows of history (min_iter).",
        ),
    ] = None,
    project: Annotated[str, typer.Option("--project", help="W&B project.")] = "interlace",
    entity: Annotated[str | None, typer.Option("--entity", help="W&B entity; default: that of the API key.")] = None,
    output: Annotated[Path | None, typer.Option("--output", help="Where to write the sweep file.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only write the sweep file.")] = False,
) -> None:
    """Write a W&B sweep file from a study, create the sweep and print ENTITY/PROJECT/SWEEP."""
    import yaml

    from interlace.configuration.locations import outputs_dir
    from interlace.configuration.suggestions import did_you_mean
    from interlace.errors import UserError
    from interlace.studies.study import load_study
    from interlace.studies.wandb_agent import create
    from interlace.studies.wandb_sweep import METHODS, sweep_file
    from interlace.tracking.files import write_atomically

    loaded = load_study(study)
    if arm is not None and arm not in loaded.arms:
        raise UserError(f"--arm {arm}: no such arm; {did_you_mean(arm, loaded.arms)}")
    if method is not None and method not in METHODS:
        raise UserError(f"--method {method}: no such method; {did_you_mean(method, METHODS)}")
    content = sweep_file(
        loaded,
        arm=arm,
        method=METHODS[method] if method else None,
        trials=trials,
        metric=metric,
        min_steps=hyperband,
        overrides=list(overrides or []),
    )
    path = output or outputs_dir() / loaded.name / "sweep.yaml"
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    print(path)
    if not dry_run:
        print(create(content, project=project, entity=entity))


def wandb_agent(
    sweep: SweepPath,
    count: Annotated[int | None, typer.Option("--count", min=1, help="Trials at most.", show_default="all")] = None,
) -> None:
    """Run trials of a W&B sweep, one after the other, as ordinary runs."""
    from interlace.errors import RunFailure
    from interlace.studies.wandb_agent import run_trials

    made, failed = run_trials(sweep, count=count)
    print(f"{made} trials, {failed} failed")
    if failed:
        raise RunFailure(f"{failed} of {made} trials of {sweep} failed; the reasons are printed above")


def wandb_best(sweep: SweepPath, json: Json = False) -> None:
    """Print the best trial of a W&B sweep by its validation metric, and the options that made it."""
    import json as encoder
    from dataclasses import asdict

    from interlace.studies.wandb_agent import best

    found = best(sweep)
    if json:
        print(encoder.dumps(asdict(found), indent=2))
        return
    print(f"{found.metric} {found.value:.4f}  ({found.name}, {found.state})")
    for option, value in found.options.items():
        print(f"{option}={value}")
    print(found.directory)
