"""interlace analyze"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from interlace.cli.arguments import Json, run_directories


def analyze(
    run_dirs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN_DIR...", help="One or more finished run directories.", callback=run_directories),
    ],
    split: Annotated[Literal["val", "test"], typer.Option(help="Split whose examples are analyzed.")] = "test",
    examples: Annotated[int, typer.Option(min=0, help="Number of examples, drawn with the seed; 0: all.")] = 1000,
    draws: Annotated[
        int, typer.Option(min=1, help="Random draws for each level of missing modalities and of noise.")
    ] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 0,
    parts: Annotated[
        str | None,
        typer.Option(
            help="Parts, comma-separated: missing,noise,gain,shapley,perceptual,emap,tokens,information,attention,"
            "coverage."
        ),
    ] = None,
    emap_examples: Annotated[
        int, typer.Option(min=2, help="EMAP predicts all n x n combinations of n examples.")
    ] = 128,
    token_examples: Annotated[int, typer.Option(min=1, help="Examples with token contributions.")] = 40,
    bins: Annotated[int, typer.Option(min=2, help="Clusters per modality for partial information.")] = 8,
    batch_size: Annotated[int, typer.Option(min=1)] = 512,
    again: Annotated[
        bool, typer.Option("--again", help="Analyze again where analysis.json holds these options already.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure what predictions rely on: missing and noisy modalities, Shapley, EMAP, information, attention.

    Writes analysis.json and analysis/*.svg into each run directory; the study's report shows them.
    """
    from interlace.analysis.settings import PARTS, Settings
    from interlace.cli.console import status_line
    from interlace.studies.analysis import analyze_runs

    settings = Settings(
        split=split,
        examples=examples,
        draws=draws,
        seed=seed,
        emap_examples=emap_examples,
        token_examples=token_examples,
        bins=bins,
        batch_size=batch_size,
        parts=PARTS if parts is None else tuple(part.strip() for part in parts.split(",") if part.strip()),
    )
    with status_line() as tell:
        analyze_runs(run_dirs, settings, again=again, as_json=json, tell=tell)
