"""interlace predict"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from interlace.cli.arguments import RunDirectory, existing, writable_file
from interlace.cli.console import status_line, tell_stale
from interlace.errors import UserError


def predict(
    run_dir: RunDirectory,
    input: Annotated[
        Path,
        typer.Option("--input", callback=existing, help="Examples, as data.path takes them; paths relative to it."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            callback=writable_file,
            help="JSON-lines file to write: id, prediction, probabilities.",
        ),
    ],
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    on_error: Annotated[
        Literal["raise", "skip"],
        typer.Option(help="Lines that cannot be used: raise lists them all, skip writes their id and the error."),
    ] = "raise",
    on_long: Annotated[
        Literal["error", "truncate"] | None,
        typer.Option(help="Texts longer than the model's limit: error, or truncate them. Default: as in training."),
    ] = None,
) -> None:
    """Predict for each line of a file, in the same order, without labels.

    After an interruption the same command goes on where it was; the output appears when it is whole.
    """
    from interlace.configuration.documents import DOCUMENTS

    if input.suffix.lower() in DOCUMENTS:
        raise UserError(
            f"--input {input}: a document; translate it with: interlace translate {run_dir} {input} --output {output}"
        )
    from interlace.data.remarks import collect_remarks, remark_lines
    from interlace.prediction import predict_file
    from interlace.runs import load_run

    run = load_run(run_dir)
    tell_stale(run_dir)
    with collect_remarks() as remarks, status_line() as tell:
        made = predict_file(run, input, output, batch_size, on_error=on_error, on_long=on_long, tell=tell)
    wrong = f", {made.errors} lines with an error" if made.errors else ""
    before = f"; {made.resumed} of them before it was interrupted" if made.resumed else ""
    print(f"{made.lines - made.errors} predictions in {output}{wrong}{before}")
    for sentence in remark_lines(remarks):
        print(sentence, file=sys.stderr)
    if made.truncated:
        print(f"{made.truncated} of them are for texts that were truncated to the model's limit", file=sys.stderr)
