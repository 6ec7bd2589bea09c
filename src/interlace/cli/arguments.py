"""Arguments that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[OVERRIDES]...",
        help="Hydra overrides: fusion=concat data.batch_size=32 +key=1",
        show_default=False,
    ),
]
RunDirectory = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run's directory, as train printed it.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
