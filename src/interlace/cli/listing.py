"""interlace list"""

from collections.abc import Collection, Sequence
from typing import Annotated

import typer

LISTS = {
    "models": "language models, encoders, fusion, heads and decoders",
    "fusion": "fusion strategies and controls",
    "switches": "options for any fusion strategy, off by default",
    "encoders": "encoders by kind of modality",
    "data": "data sets",
    "experiments": "presets for `interlace train experiment=NAME`",
    "studies": "studies for `interlace study run NAME`",
}


def list_names(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[" + "|".join(LISTS) + "|GROUP]", help="GROUP: any folder of conf/, such as decoder."),
    ] = None,
) -> None:
    """List the names that overrides can choose."""
    from interlace.configuration.names import groups
    from interlace.configuration.suggestions import did_you_mean
    from interlace.errors import UserError

    known = {name for name in groups() if not name.startswith("experiment/")}
    folders = _folders(known)
    if what is None:
        for name, meaning in LISTS.items():
            print(f"interlace list {name:12} {meaning}")
        print(f"interlace list {'GROUP':12} one of {', '.join(sorted(known))}")
    elif what == "studies":
        _print_studies()
    elif what in folders:
        _print_choices(folders[what])
    elif what in known:
        _print_choices((what,))
    else:
        raise UserError(f"list {what}: no such list; {did_you_mean(what, sorted({*LISTS, *known}))}")


def _folders(known: Collection[str]) -> dict[str, Sequence[str]]:
    """The groups of each list."""
    from interlace.configuration.schema import DATA_SWITCHES, SWITCHES

    encoders = sorted(name for name in known if name.startswith("encoder/"))
    return {
        "models": ("model", *encoders, "fusion", "head", "decoder"),
        "fusion": ("fusion",),
        "switches": (*DATA_SWITCHES, *SWITCHES),
        "encoders": encoders,
        "data": ("data",),
        "experiments": ("experiment",),
    }


def _print_choices(folders: Sequence[str]) -> None:
    """Print a line for each choice; a plug-in's choice ends with the name of its package."""
    from interlace.configuration.names import choices, conf_file, description

    rows = [
        (f"{group}={name}", description(group, name), conf_file(group, name).package)
        for group in folders
        for name in choices(group)
    ]
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, meaning, package in rows:
        print(f"{name:{width}} {meaning}" + (f" [plug-in {package}]" if package is not None else ""))


def _print_studies() -> None:
    from interlace.configuration.names import studies
    from interlace.studies.study import load_study

    for name, path in sorted(studies().items()):
        print(f"{name:20} {load_study(str(path)).question}")
