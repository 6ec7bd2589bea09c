"""interlace predict"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from interlace.cli.arguments import RunDirectory, existing, writable_file
from interlace.cli.console import tell_stale
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
    """Predict for each line of a file, in the same order, without labels."""
    from interlace.configuration.documents import DOCUMENTS

    if input.suffix.lower() in DOCUMENTS:
        raise UserError(
            f"--input {input}: a document; translate it with: interlace translate {run_dir} {input} --output {output}"
        )
    _predict_lines(run_dir, input, output, batch_size, on_error, on_long)


def _predict_lines(
    run_dir: Path,
    input: Path,
    output: Path,
    batch_size: int,
    on_error: Literal["raise", "skip"],
    on_long: Literal["error", "truncate"] | None,
) -> None:
    """Write an answer to each line, and print how many there are."""
    import json

    from interlace.data.manifest.lines import read_lines
    from interlace.data.problems import error_for
    from interlace.data.remarks import collect_remarks, remark_lines
    from interlace.runs import SKIPPING, load_run
    from interlace.tracking.files import write_atomically

    lines, problems = read_lines(input)
    if problems and on_error == "raise":
        raise error_for(str(input), problems, SKIPPING)
    run = load_run(run_dir)
    tell_stale(run_dir)
    # A line without an id gets its line number, in which blank and invalid lines count.
    records = [{**line.record, "id": line.number} if line.record.get("id") is None else line.record for line in lines]
    with collect_remarks() as remarks:
        found = run.predict(records, input.resolve().parent, batch_size, on_error=on_error, on_long=on_long)
    numbered = {line.number: answer for line, answer in zip(lines, found, strict=True)}
    numbered |= {p.line: {"id": str(p.line), "error": f"{p.reason}: {p.detail}"} for p in problems}
    answers = [numbered[number] for number in sorted(numbered)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in answers)
    write_atomically(output, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    wrong, truncated = sum("error" in row for row in answers), sum("truncated" in row for row in answers)
    print(f"{len(answers) - wrong} predictions in {output}" + (f", {wrong} lines with an error" if wrong else ""))
    for sentence in remark_lines(remarks):
        print(sentence, file=sys.stderr)
    if truncated:
        print(f"{truncated} of them are for texts that were truncated to the model's limit", file=sys.stderr)
