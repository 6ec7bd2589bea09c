"""interlace study"""

from pathlib import Path
from typing import Annotated, Any

import typer

from interlace.cli.arguments import Json, Overrides, existing
from interlace.cli.completion import complete_study
from interlace.configuration.cores import available_cores
from interlace.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Plan, run and report a comparison of many runs.")

StudyName = Annotated[
    str,
    typer.Argument(metavar="STUDY", help="A study's name, folder or study.yaml.", autocompletion=complete_study),
]
Arms = Annotated[str | None, typer.Option("--arms", help="Only these arms, comma-separated.")]
Seeds = Annotated[str | None, typer.Option("--seeds", help="These seeds instead, comma-separated.")]

Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Runs at a time.", show_default="cores")]
Ratings = Annotated[
    Path | None,
    typer.Option(
        "--ratings",
        help="A folder of interlace judge with judgements of the study's runs, for a section of the report.",
        callback=existing,
    ),
]
Recorded = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="Instead of STUDY: a folder with recorded results, such as experiments/NAME, to write a page of.",
    ),
]
CORES = available_cores()


def load(name: str, arms: str | None, seeds: str | None) -> Any:
    """The study with the chosen arms and seeds; UserError for seeds that are not whole numbers."""
    from interlace.studies.study import load_study, select

    try:
        numbers = None if seeds is None else [int(part) for part in seeds.split(",")]
    except ValueError:
        raise UserError(f"--seeds {seeds}: expected whole numbers with commas between, such as 0,1,2") from None
    return select(load_study(name), arms=None if arms is None else arms.split(","), seeds=numbers)


@app.command()
def init(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Examples, as data.path takes them: my/data.jsonl.", callback=existing),
    ],
    overrides: Overrides = None,
    arms: Annotated[
        str | None, typer.Option("--arms", help="Fusion strategies (for generated texts: decoders), comma-separated.")
    ] = None,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls", help="Add control arms: each modality alone, the majority class, and a linear model."
        ),
    ] = False,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Number of seeds.")] = 5,
    output: Annotated[Path, typer.Option("--output", help="The file to write; it must not exist.")] = Path(
        "study.yaml"
    ),
) -> None:
    """Write a study file for your data that runs at once, with further options as comments.

    The data are checked as by `interlace data check`; options of the data (data.task=regression) go into the file.
    """
    if output.exists():
        raise UserError(f"{output}: exists already; remove it, or give another name with --output")
    from interlace.cli.console import status_line
    from interlace.configuration.plugins import command_line
    from interlace.studies.initial import write_initial_study

    with status_line() as tell:
        tell(f"reading {data}")
        summary = write_initial_study(
            data,
            list(overrides or []),
            arms=None if arms is None else arms.split(","),
            controls=controls,
            seeds=seeds,
            output=output,
        )
    planned, started = (command_line(["study", verb, str(output)]) for verb in ("plan", "run"))
    print(f"{data}: {summary}")
    print(f"{output}: see its runs with {planned}, start them with {started}")


@app.command()
def plan(
    study: StudyName,
    overrides: Overrides = None,
    arms: Arms = None,
    seeds: Seeds = None,
    jobs: Jobs = CORES,
    json: Json = False,
) -> None:
    """Show the runs of a study, the options of each arm, and the time expected from the runs that are finished."""
    chosen = load(study, arms, seeds)
    from interlace.studies.views import show_plan

    show_plan(chosen, list(overrides or []), as_json=json, jobs=jobs)


@app.command()
def run(
    study: StudyName,
    overrides: Overrides = None,
    jobs: Jobs = CORES,
    arms: Arms = None,
    seeds: Seeds = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failed run.")] = False,
    refresh: Annotated[
        str | None,
        typer.Option("--refresh", help="Repeat finished runs: stale (code or inputs have changed), failed or all."),
    ] = None,
    runs_per_process: Annotated[
        int | None,
        typer.Option(
            "--runs-per-process", min=1, help="Runs that one process makes one after the other.", show_default="all"
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Make the runs that are not finished, then write the report and print its path."""
    chosen = load(study, arms, seeds)
    from interlace.studies.verbs import run_study

    code = run_study(
        chosen,
        list(overrides or []),
        jobs=jobs,
        fail_fast=fail_fast,
        refresh=refresh,
        runs_per_process=runs_per_process,
        as_json=json,
    )
    if code:
        raise typer.Exit(code)


@app.command()
def status(
    study: StudyName, overrides: Overrides = None, arms: Arms = None, seeds: Seeds = None, json: Json = False
) -> None:
    """Show the state of each run of a study."""
    chosen = load(study, arms, seeds)
    from interlace.studies.views import show_status

    show_status(chosen, list(overrides or []), as_json=json)


@app.command()
def report(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STUDY... [OVERRIDES]...",
            help="A study, or several to compare, their arms matched by name; then Hydra overrides.",
            show_default=False,
        ),
    ] = None,
    arms: Arms = None,
    seeds: Seeds = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder for the report instead of the study's own.")
    ] = None,
    recorded: Annotated[
        bool,
        typer.Option(
            "--recorded",
            help="Rewrite the tables and the generated part of README.md from the recorded results in the folder.",
        ),
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(help="Columns of table.tex and table.md, comma-separated: mean, ci, p, parameters, test/loss..."),
    ] = None,
    ratings: Ratings = None,
    record: Recorded = None,
) -> None:
    """Write the report of a study, or of several on one page, from the runs that are finished; print its path."""
    if record is not None:
        if texts or arms or seeds or recorded or columns or ratings:
            raise UserError("study report --from: only --output can be given with it; leave out the rest")
        print(_page_of_record(record, output))
        return
    names, overrides = studies_and_overrides(texts or [])
    studies = [load(name, arms, seeds) for name in names]
    from interlace.report.columns import parse_columns
    from interlace.studies.across.verbs import write_across_report
    from interlace.studies.verbs import write_recorded_report, write_report

    chosen = None if columns is None else parse_columns(columns)
    if recorded:
        if overrides or arms or seeds or output or columns or ratings:
            raise UserError("study report --recorded: only studies can be given with it; leave out other options")
        for name, study in zip(names, studies, strict=True):
            print(write_recorded_report(name, study))
    elif len(studies) == 1:
        print(write_report(studies[0], overrides, folder=output, columns=chosen, ratings=ratings))
    elif ratings:
        raise UserError("study report --ratings: judgements are of the runs of one study; name one study")
    elif columns:
        raise UserError("study report --columns: a report of several studies has one column per study; name one study")
    else:
        print(write_across_report(studies, overrides, folder=output))


def _page_of_record(record: Path, output: Path | None) -> Path:
    """Write the page of a study's recorded results; return its path."""
    study = load(str(record), None, None)
    from interlace.studies.verbs import write_page_of_record

    return write_page_of_record(str(record), study, folder=output)


def studies_and_overrides(texts: list[str]) -> tuple[list[str], list[str]]:
    """Names of studies and Hydra overrides (KEY=VALUE, +KEY=VALUE, ~KEY), in the order given."""
    overrides = [text for text in texts if text.startswith("~") or ("=" in text and not Path(text).exists())]
    names = [text for text in texts if text not in overrides]
    if not names:
        given = f"{' '.join(texts)} names no study" if texts else "no study is named"
        raise UserError(f"study report: {given}; give at least one before the overrides")
    return names, overrides


@app.command()
def verify(study: StudyName, overrides: Overrides = None, json: Json = False) -> None:
    """Compare results with those the study file expects: of the runs in the outputs, else the recorded ones."""
    chosen = load(study, None, None)
    from interlace.studies.verbs import show_verification

    if not show_verification(study, chosen, list(overrides or []), as_json=json):
        raise typer.Exit(1)
