"""interlace data"""

from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import Json, Overrides, existing

app = typer.Typer(no_args_is_help=True, help="Find, fetch, check and describe data; write example files.")


@app.command("list")
def list_data() -> None:
    """List data sets, and where the original files of each are found."""
    from interlace.configuration.names import choices, description
    from interlace.data.sources import SOURCES, locate

    width = max(map(len, [*choices("data"), *SOURCES]))
    for name in choices("data"):
        print(f"{name:{width}} {description('data', name)}")
    print("\noriginals, looked for in INTERLACE_DATA and the cache:")
    for name in SOURCES:
        found = locate(name)
        print(f"{name:{width}} {found if found else 'not found: interlace data fetch ' + name}")


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="A source, as `interlace data list` shows it.")]) -> None:
    """Fetch a data set from its official home, with its checksum checked."""
    from interlace.data.sources import fetch as fetch_source

    print(fetch_source(name))


@app.command()
def check(
    path: Annotated[
        Path, typer.Argument(help="Examples, as data.path takes them (conf/data/manifest.yaml).", callback=existing)
    ],
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Print the content of a manifest by field, split, class and modality, and the problem of each bad line.

    Takes the options that train takes: `interlace data check my/data.jsonl data.task=regression`.
    """
    from interlace.data.manifest.findings import examine, options_of, table
    from interlace.data.problems import grouped

    options = options_of(path, list(overrides or []))
    problems, summary = examine(path, **options)
    skipped = options["on_error"] == "skip"
    if json:
        import json as encoder

        found = [problem._asdict() for problem in problems]
        print(encoder.dumps({**summary, "problems": found}, indent=2, ensure_ascii=False))
    else:
        print("\n".join(table(summary)))
        end = " that are left out (data.on_error=skip):" if skipped else ":"
        noun = "problem" if len(problems) == 1 else "problems"
        print("\n".join([f"{len(problems)} {noun}{end}", *grouped(problems)]) if problems else "no bad lines")
        if summary["problem"]:
            print(f"problem: {summary['problem']}")
    if summary["problem"] or (problems and not skipped):
        raise typer.Exit(1)


@app.command()
def example(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write to; nothing is overwritten.")],
) -> None:
    """Write small example files: pictures, sounds, texts and labels to try commands with before your own are ready."""
    from interlace.data.example_files import write_example_files

    for name, words in write_example_files(folder).items():
        print(f"{folder / name!s:24} {words}")


@app.command()
def describe(overrides: Overrides = None, json: Json = False) -> None:
    """Describe the data of a configuration: modalities, classes, counts and priors (`describe data=av_digits`)."""
    from interlace.configuration.compose import compose

    config = compose(list(overrides or []), look_for_files=True)
    from interlace.assembly import build_data

    data = build_data(config)
    found = {"fingerprint": data.fingerprint, **data.describe()}
    if json:
        import json as encoder

        print(encoder.dumps(found, indent=2, default=str))
    else:
        from omegaconf import OmegaConf

        print(OmegaConf.to_yaml(OmegaConf.create(found)), end="")
