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
            help="Several values of keys make a study: -m fusion=concat,gated seed=1,2,3; see above.",
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
        typer.Option("--verify-data", help="Read all inputs again, also what nothing seems to have touched."),
    ] = False,
) -> None:
    """Train one run; its directory is the last line of the output.

    The configuration decides the directory: the same command resumes an interrupted run from its last checkpoint, and
    finds a finished one. --refresh trains a finished run again.

    interlace list shows what can be chosen (interlace list fusion), interlace config show OVERRIDES the configuration
    with every option, interlace list experiments the presets for experiment=NAME.

    With -m each combination is a run of a study: the first key with several values gives the arms, seeds the seeds,
    other keys the factors. The plan is shown, the study file written to outputs/NAME/study.yaml, and the report made.
    """
    if jobs is not None and not multirun:
        raise UserError(
            "train --jobs: one run is one process; give -m with several values of a key, or leave --jobs out"
        )
    if multirun:
        train_several(list(overrides or []), jobs, refresh=refresh)
        return
    if cfg is not None:
        print_config(list(overrides or []), cfg)
        return
    train_one(list(overrides or []), refresh=refresh, verify_data=verify_data)


def train_one(given: list[str], *, refresh: bool, verify_data: bool) -> None:
    """One run: trained, resumed or found finished; prints its metrics and its directory."""
    from interlace.configuration.importing import heavy_imports
    from interlace.tracking.wandb_trial import report_trial

    with report_trial() as trial:
        with heavy_imports():
            from interlace.configuration.compose import compose

            config = compose(given, look_for_files=True)  # before what takes seconds to import
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
    tell_end(run, ended_words([run.directory]) if earlier else None)


def tell_end(run: "Run", ended: str | None) -> None:
    """Test metrics, the step of best.ckpt that they are of, and last the directory; on standard error whether the run
    had ended before, and how what W&B holds offline is uploaded."""
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
    """The configuration that a run with these overrides has, as `config show` prints it."""
    if what != "job":
        from interlace.cli.usage import show_command

        raise UserError(
            f"train --cfg {what}: Hydra's own settings have no effect on a run; --cfg job prints the run's "
            f"configuration, as does: {show_command(overrides)}"
        )
    from interlace.cli.config import show

    show(overrides)


def train_several(overrides: list[str], jobs: int | None, *, refresh: bool) -> None:
    """The study that overrides with several values mean, planned, run and reported."""
    from interlace.studies.multirun import write_study

    study = write_study(overrides)
    from interlace.studies.verbs import run_study
    from interlace.studies.views import show_plan

    at_a_time = jobs or available_cores()
    show_plan(study, [], as_json=False, jobs=at_a_time)
    code = run_study(study, [], jobs=at_a_time, fail_fast=False, refresh="all" if refresh else None, as_json=False)
    if code:
        raise typer.Exit(code)
