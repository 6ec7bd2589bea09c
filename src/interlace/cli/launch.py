"""interlace launch"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import Overrides, existing
from interlace.cli.study import Arms, Seeds, StudyName, load

app = typer.Typer(no_args_is_help=True, help="Runs on several GPUs, several hosts, or a SLURM cluster.")


@app.command()
def local(
    study: StudyName,
    overrides: Overrides = None,
    gpus: Annotated[str | None, typer.Option("--gpus", help="GPUs of this machine, one run on each: 0,1,2.")] = None,
    slots: Annotated[int | None, typer.Option("--slots", min=1, help="Runs at a time, without GPUs.")] = None,
    arms: Arms = None,
    seeds: Seeds = None,
) -> None:
    """Run a study on this machine, one run per GPU at a time, then write the report and print its path."""
    from interlace.errors import UserError
    from interlace.studies.verbs import run_study

    devices = None if gpus is None else [each.strip() for each in gpus.split(",")]
    if (devices is None) == (slots is None):
        raise UserError("launch local: give either --gpus 0,1 (a run on each) or --slots N (runs at a time on the CPU)")
    if devices is not None and (not all(devices) or len(set(devices)) < len(devices)):
        raise UserError(f"--gpus {gpus}: expected different numbers with commas between, such as 0,1")
    code = run_study(
        load(study, arms, seeds),
        list(overrides or []) + (["trainer=gpu"] if devices is not None and not _names_trainer(overrides) else []),
        jobs=len(devices) if devices is not None else slots or 1,
        fail_fast=False,
        refresh=None,
        as_json=False,
        gpus=devices,
    )
    if code:
        raise typer.Exit(code)


def _names_trainer(overrides: list[str] | None) -> bool:
    return any(text.startswith("trainer=") for text in overrides or [])


@app.command()
def torchrun(
    overrides: Overrides = None,
    head: Annotated[
        str | None, typer.Option("--head", help="Host of the rendezvous.", show_default="this host")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the rendezvous.")] = 29400,
    run: Annotated[bool, typer.Option("--run", help="Run it on this host instead of printing it.")] = False,
) -> None:
    """Print (or run) the command to start on each host of a multi-node run; all hosts need the same outputs folder."""
    import shlex
    import socket

    from interlace.configuration.checking import check
    from interlace.configuration.compose import compose
    from interlace.configuration.plugins import named_packages

    given = list(overrides or [])
    config = compose(given)
    check(config)
    trainer = config["trainer"]
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        f"--nnodes={trainer['num_nodes']}",
        f"--nproc-per-node={trainer['devices']}",
        "--rdzv-backend=c10d",
        f"--rdzv-endpoint={head or socket.gethostname()}:{port}",
        "-m",
        "interlace",
        *(f"--plugin={package}" for package in named_packages()),
        "train",
        *given,
    ]
    if run:
        os.execv(command[0], command)
    print(shlex.join(command))


@app.command()
def slurm(
    study: StudyName,
    overrides: Overrides = None,
    partition: Annotated[str | None, typer.Option("--partition", help="Partition.")] = None,
    time: Annotated[str | None, typer.Option("--time", help="Limit of a task, such as 04:00:00.")] = None,
    cpus: Annotated[int | None, typer.Option("--cpus", min=1, help="Cores of a task.")] = None,
    gpus: Annotated[int | None, typer.Option("--gpus", min=1, help="GPUs of a task.")] = None,
    memory: Annotated[str | None, typer.Option("--memory", help="Memory of a task, such as 32G.")] = None,
    at_most: Annotated[int, typer.Option("--at-most", min=1, help="Tasks at a time.")] = 16,
    sbatch: Annotated[
        list[str] | None,
        typer.Option("--sbatch", help="Another option of sbatch, passed on unchanged: --sbatch=--account=lab"),
    ] = None,
    setup: Annotated[
        list[str] | None,
        typer.Option("--setup", help="A line of bash before each run: --setup 'module load cuda'; repeatable."),
    ] = None,
    setup_file: Annotated[
        Path | None, typer.Option("--setup-file", help="A file of lines of bash, copied into the script.")
    ] = None,
    array_size: Annotated[
        int | None,
        typer.Option("--array-size", min=1, help="Most tasks of an array; default: MaxArraySize of the cluster."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the script, submit nothing.")] = False,
    arms: Arms = None,
    seeds: Seeds = None,
) -> None:
    """Write and submit a job array with one task for each unfinished run; a preempted task is requeued and resumes."""
    chosen = load(study, arms, seeds)  # before imports that take seconds
    from interlace.studies.slurm import Resources, launch, submission_summary

    resources = Resources(partition, time, cpus, gpus, memory, tuple(sbatch or []))
    submitted = launch(
        chosen,
        list(overrides or []),
        resources,
        at_most=at_most,
        dry_run=dry_run,
        setup=[*_lines_of(setup_file), *(setup or [])],
        array_size=array_size,
    )
    if not submitted.scripts:
        print("every run is finished; interlace study report writes the report")
    for script, number in submitted.scripts:
        print(script if number is None else f"{script}  job {number}")
    if submitted.scripts:
        print(submission_summary(submitted, resources), file=sys.stderr)
    if submitted.later is not None:
        print(f"the {submitted.later} depend on how these end; once they have ended, give the same command again")


def _lines_of(file: Path | None) -> list[str]:
    from interlace.errors import UserError

    if file is None:
        return []
    try:
        return file.read_text(encoding="utf-8").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--setup-file {file}: cannot be read as text ({error}); expected lines of bash") from None


@app.command()
def task(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A table that launch slurm wrote.", callback=existing)],
    index: Annotated[int, typer.Argument(metavar="INDEX", min=0, help="Row of the table, from 0.")],
) -> None:
    """Make one run of a table; each task of a job array calls this."""
    from interlace.studies.slurm import make_task

    print(make_task(table, index))
