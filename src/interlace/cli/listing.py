"""interlace list"""

from collections.abc import Sequence
from typing import Annotated

import typer

GROUPS = {
    "models": "what can be built (language models, encoders, fusion, heads and decoders)",
    "fusion": "fusion strategies and controls",
    "switches": "what goes with any fusion strategy, and is off by default",
    "encoders": "encoders by kind of modality",
    "data": "data sets",
    "experiments": "presets for `interlace train experiment=NAME`",
    "studies": "studies for `interlace study run NAME`",
}
ENCODERS = ("encoder/text", "encoder/image", "encoder/audio", "encoder/features")
FOLDERS = {
    "models": ("model", *ENCODERS, "fusion", "head", "decoder"),
    "fusion": ("fusion",),
    "encoders": ENCODERS,
    "data": ("data",),
    "experiments": ("experiment",),
}


def list_names(
    what: Annotated[str | None, typer.Argument(metavar="[" + "|".join(GROUPS) + "]")] = None,
) -> None:
    """List what can be named in overrides."""
    from interlace.configuration.suggestions import did_you_mean
    from interlace.errors import UserError

    if what is None:
        for name, meaning in GROUPS.items():
            print(f"interlace list {name:12} {meaning}")
    elif what == "studies":
        _print_studies()
    elif what == "switches":
        from interlace.configuration.schema import SWITCHES

        _print_choices(SWITCHES)
    elif what in FOLDERS:
        _print_choices(FOLDERS[what])
    else:
        raise UserError(f"list {what}: no such list; {did_you_mean(what, GROUPS)}")


def _print_choices(folders: Sequence[str]) -> None:
    from interlace.configuration.names import choices, description

    for group in folders:
        for name in choices(group):
            print(f"{group + '=' + name:28} {description(group, name)}")


def _print_studies() -> None:
    from interlace.configuration.names import studies
    from interlace.studies.study import load_study

    for name, path in sorted(studies().items()):
        print(f"{name:20} {load_study(str(path)).question}")
