"""interlace export"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from interlace.cli.arguments import RunDirectory


def export(
    run_dir: RunDirectory,
    output: Annotated[Path, typer.Option("--output", help="A folder to write; it must not exist or be empty.")],
    format: Annotated[
        Literal["safetensors", "huggingface", "torch_export", "onnx"] | None,
        typer.Option(
            help="safetensors: weights and configuration, which interlace.export.load opens; huggingface: the language "
            "model and tokenizer alone; torch_export, onnx: a program of tensors, compared with the run over its test "
            "split. Default: huggingface for a language model that has a family there, else safetensors.",
        ),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="A modality: torch_export or onnx of its encoder alone, ids or pixels to tokens.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Largest difference of a program's outputs, relative to outputs above 1.")
    ] = 1e-4,
    license: Annotated[
        str | None, typer.Option("--license", help="Licence of the export, for its card; such as apache-2.0.")
    ] = None,
) -> None:
    """Write a finished run as a folder that loads without it, with a model card and a data card."""
    from interlace.export import Options, export_run
    from interlace.runs import load_run

    options = Options(license=license, encoder=encoder, tolerance=tolerance)
    about = export_run(load_run(run_dir), output, format, options)
    print(f"{output} ({about.format})")
    for name, value in (about.check or {}).items():
        print(f"  {name.replace('_', ' '):42} {value:.4g}" if isinstance(value, float) else f"  {name:42} {value}")
