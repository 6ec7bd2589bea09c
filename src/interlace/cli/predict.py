"""interlace predict"""

from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import RunDirectory, existing, writable_file
from interlace.cli.telling import tell_stale


def predict(
    run_dir: RunDirectory,
    input: Annotated[
        Path,
        typer.Option("--input", callback=existing, help="Examples, as data.path takes them; paths relative to it."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", callback=writable_file, help="JSON-lines file to write: id, prediction, probabilities."
        ),
    ],
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
) -> None:
    """Predict for each line of a file, in the same order."""
    import json

    from interlace.data.manifest import read_records
    from interlace.runs import load_run
    from interlace.tracking.files import write_atomically

    records = read_records(input)
    run = load_run(run_dir)
    tell_stale(run_dir)
    predictions = run.predict(records, input.resolve().parent, batch_size)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in predictions)
    write_atomically(output, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    print(f"{len(predictions)} predictions in {output}")
