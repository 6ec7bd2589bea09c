"""interlace data"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from interlace.cli.arguments import Json, Overrides, existing
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.tokens import ModalitySpec

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
    overrides: Overrides = None,
    split: Annotated[
        Literal["train", "val", "test"], typer.Option(help="With overrides: the split that examples are taken from.")
    ] = "test",
    number: Annotated[int, typer.Option(min=1, help="With overrides: the most examples.")] = 6,
) -> None:
    """Write small example files: pictures, sounds, texts and labels to try commands with before your own are ready.

    With the overrides of a configuration (`example shown experiment=scenes`): the first examples of its data, as files
    that ask, predict and the page of serve take.
    """
    if overrides:
        write_examples_of(overrides, split, number, folder)
        return
    from interlace.data.example_files import write_example_files

    for name, words in write_example_files(folder).items():
        print(f"{folder / name!s:24} {words}")


def write_examples_of(overrides: list[str], split: str, number: int, folder: Path) -> None:
    """Write examples of a configuration's data, and print them. UserError for data that are texts alone."""
    from interlace.configuration.compose import compose

    config = compose(overrides, look_for_files=True)
    import tempfile

    from interlace.assembly import build_data
    from interlace.cli.console import status_line
    from interlace.configuration.checking import resolve_target
    from interlace.data.datamodule import DataModule
    from interlace.data.example_files import put
    from interlace.data.export import MANIFEST, write_manifest

    kind = resolve_target("data", config["data"])
    if not (isinstance(kind, type) and issubclass(kind, DataModule)):
        raise UserError(f"data={config['choices']['data']}: they are files of texts already; read those")
    with status_line() as say:
        say("preparing the data; the next time they come from the cache")
        data = build_data(config)
    with tempfile.TemporaryDirectory() as made:
        lines = write_manifest(data, split, number, Path(made))
        put(Path(made), folder)
    print(folder / MANIFEST)
    for line in lines:
        print(f"  {', '.join(told(line, data.modalities, folder))}")


def told(line: Mapping[str, Any], modalities: Mapping[str, "ModalitySpec"], folder: Path) -> Iterator[str]:
    """Yield the fields of a line in words, files with their folder."""
    for name, value in line.items():
        if name in modalities:
            yield f'"{value}"' if modalities[name].kind == "text" else str(folder / value)
        elif name == "prompt":
            yield f'"{value}"'
        elif name in ("label", "target"):
            yield f"{name} {value}"


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
