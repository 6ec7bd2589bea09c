"""interlace train"""

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from interlace.cli.arguments import Overrides
from interlace.configuration.cores import available_cores
from interlace.configuration.working import working
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.runs import Run


def train(
    overrides: Overrides = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Train a finished run again, in its directory.")] = False,
    multirun: Annotated[
        bool,
        typer.Option(
            "-m",
            "--multirun",
            help="Run a study over several values of keys: -m fusion=concat,gated seed=1,2,3; see above.",
        ),
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="With -m: runs at a time.", show_default="cores")
    ] = None,
    cfg: Annotated[
        Literal["job", "hydra", "all"] | None,
        typer.Option("--cfg", help="As in Hydra: print the configuration and train nothing."),
    ] = None,
    verify_data: Annotated[
        bool,
        typer.Option("--verify-data", help="Hash all inputs again, also files whose size and times are unchanged."),
    ] = False,
) -> None:
    """Train one run; its directory is the last line of the output.

    The directory follows from the configuration: the same command resumes an interrupted run from its last checkpoint,
    and prints the results of a finished one. --refresh trains a finished run again.

    interlace list shows what can be chosen (interlace list fusion), interlace config show OVERRIDES the configuration
    with every option, interlace list experiments the presets for experiment=NAME.

    With -m each combination of values is a run of a study: the first key with several values gives the arms, `seed` the
    seeds, other keys the factors. The plan is shown, the study file written to outputs/NAME/study.yaml, and the report
    written.
    """
    if jobs is not None and not multirun:
        raise UserError(
            "train --jobs: without -m there is a single run; give -m with several values of a key, or leave --jobs out"
        )
    if multirun:
        train_several(list(overrides or []), jobs, refresh=refresh)
        return
    if cfg is not None:
        print_config(list(overrides or []), cfg)
        return
    train_one(list(overrides or []), refresh=refresh, verify_data=verify_data)


def train_one(given: list[str], *, refresh: bool, verify_data: bool) -> None:
    """Train or resume one run, or load it where it is finished; print its metrics and its directory."""
    from interlace.configuration.importing import heavy_imports
    from interlace.tracking.wandb_trial import report_trial

    with report_trial() as trial:
        with heavy_imports():
            from interlace.configuration.compose import compose

            config = compose(given, look_for_files=True)  # before imports that take seconds
        with heavy_imports(), working("loading torch"):
            from interlace.inputs import rehashing
            from interlace.tasks.ranks import is_main_process
            from interlace.tracking.staleness import place_of
            from interlace.tracking.status import ended_words, is_done
            from interlace.training import train as train_run
        with rehashing() if verify_data else contextlib.nullcontext():
            earlier = not refresh and is_done(place_of(config).directory)
        run = train_run(config, overrides=given, refresh=refresh)
        if earlier and is_main_process():
            trial.repeat(run.config, run.directory)
    if not is_main_process():
        return
    if batches := int(config["trainer"]["fast_dev_run"]):
        each = "1 batch" if batches == 1 else f"{batches} batches"
        print(f"fast_dev_run: {each} each of training, validation and test went through; nothing is kept")
        return
    print_summary(run, ended_words([run.directory]) if earlier else None)


def print_summary(run: "Run", ended: str | None) -> None:
    """Print the test metrics, the step of best.ckpt, which they are measured with, and last the directory.

    Standard error gets a note where the run was finished before (`ended`), and the command that uploads what W&B
    recorded offline.
    """
    from interlace.tracking.wandb_offline import offline_sentence

    if ended is not None:
        print(f"interlace: finished already{ended}; --refresh trains it again", file=sys.stderr)
    for name, value in sorted(run.metrics.items()):
        if name.startswith("test/"):
            print(f"{name:32} {value:.4f}")
    best = run.results.get("best")
    if best is not None:
        reached = "not finite" if best["value"] is None else f"{best['value']:.4f}"
        print(f"best.ckpt: step {best['step']:,}, epoch {best['epoch']:,} ({best['metric']} {reached})")
    if sentence := offline_sentence([run.directory], run.directory):
        print(f"interlace: {sentence}", file=sys.stderr)
    print(run.directory)


def print_config(overrides: list[str], what: str) -> None:
    """Print the configuration of a run with these overrides, as `config show` does."""
    if what != "job":
        from interlace.cli.usage import show_command

        raise UserError(
            f"train --cfg {what}: Hydra's own settings have no effect on a run; --cfg job prints the run's "
            f"configuration, as does: {show_command(overrides)}"
        )
    from interlace.cli.config import show

    show(overrides)


def train_several(overrides: list[str], jobs: int | None, *, refresh: bool) -> None:
    """Plan, run and report the study whose arms, seeds and factors are the overrides with several values."""
    from interlace.studies.multirun import write_study

    study = write_study(overrides)
    from interlace.studies.verbs import run_study
    from interlace.studies.views import show_plan

    at_a_time = jobs or available_cores()
    show_plan(study, [], as_json=False, jobs=at_a_time)
    code = run_study(study, [], jobs=at_a_time, fail_fast=False, refresh="all" if refresh else None, as_json=False)
    if code:
        raise typer.Exit(code)
