"""interlace test"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from interlace.laws.checking import LawResult

app = typer.Typer(no_args_is_help=True, help="Check a component of your own against the laws of its kind.")

Options = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[OPTION=VALUE]...", help="Options other than those of its conf file: dim=16.", show_default=False
    ),
]


@app.command()
def fusion(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A file of conf/fusion, or a class: my_package.MyFusion.")
    ],
    options: Options = None,
) -> None:
    """Check a fusion strategy against the laws of every fusion; exit code 1 where it breaks one."""
    from interlace.laws.subjects import examine_fusion

    _print(name, examine_fusion(name, _options(options)))


@app.command()
def encoder(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A file of conf/encoder (text/lstm), or a class: my_package.MyEncoder."),
    ],
    options: Options = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="Kind of modality, needed for a class that no file of conf/encoder names."),
    ] = None,
) -> None:
    """Check an encoder against the laws of every encoder; exit code 1 where it breaks one."""
    from interlace.laws.subjects import examine_encoder

    _print(name, examine_encoder(name, kind, _options(options)))


def _options(texts: list[str] | None) -> dict[str, Any]:
    """Values by name, parsed with Hydra's grammar of overrides."""
    from interlace.configuration.spelling import parse_override

    return {override.key_or_group: override.value() for override in map(parse_override, texts or [])}


def _print(name: str, found: "Iterable[LawResult]") -> None:
    """Prints a line for each law, with the reason where it is broken; exit code 1 where one is."""
    broken = 0
    for each in found:
        broken += each.reason is not None
        print(f"pass  {each.law}" if each.reason is None else f"FAIL  {each.law}: {each.reason}")
    print(f"{name}: every law holds" if not broken else f"{name}: {broken} broken")
    if broken:
        raise typer.Exit(1)
