"""interlace export"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from interlace.cli.arguments import RunDirectory


def export(
    run_dir: RunDirectory,
    output: Annotated[Path, typer.Option("--output", help="A folder to write; it must not exist or be empty.")],
    format: Annotated[
        Literal["safetensors", "huggingface"] | None,
        typer.Option(
            help="safetensors: weights and configuration, which interlace.export.load opens; huggingface: the language "
            "model and tokenizer alone. Default: huggingface for a language model that has a family there, else "
            "safetensors.",
        ),
    ] = None,
    license: Annotated[
        str | None, typer.Option("--license", help="Licence of the export, for its card; such as apache-2.0.")
    ] = None,
) -> None:
    """Write a finished run as a folder that loads without it, with a model card and a data card."""
    from interlace.export import export_run
    from interlace.runs import load_run

    print(f"{output} ({export_run(load_run(run_dir), output, format, license)})")
