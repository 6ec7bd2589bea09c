"""Rows of `interlace bench predict`: files of predictions beside the forward pass of the same model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from interlace.bench.language_models import module
from interlace.bench.predict_speed import Content
from interlace.bench.rows import SCRATCH, Command, Row, Settings, chosen_rows

TARGET = 0.9
FEWEST = 128  # lines with --quick
TITLES: dict[Content, str] = {
    "texts": "texts of 40 words and vectors",
    "media": "texts, JPEG pictures of 224 x 224 pixels and sounds of a second",
}


@dataclass(frozen=True)
class Options(Settings):
    """Options of the benchmark of predictions. `lines`: number of lines of the file."""

    lines: int


def predictions(options: Options, content: Content) -> Row:
    """Return a row of predictions for a file, both sides in turn in one process."""
    ours, raw = "interlace predict, file to file", "forward pass, decoded batches"
    given = ("--lines", options.lines, "--rounds", 1 if options.quick else 5, "--threads", options.threads)
    command = module("interlace.bench.predict_speed", content, *given, "--scratch", SCRATCH)
    return Row(
        name=content,
        title=f"{options.lines:,} lines of {TITLES[content]}, experiment=manifest, B 64",
        unit="lines/s",
        larger_is_better=True,
        ours=(ours,),
        peers=(raw,),
        commands=(Command(command, {ours: "interlace", raw: "forward"}),),
        target=TARGET,
    )


ROWS: dict[str, Callable[[Options], Row]] = {name: partial(predictions, content=name) for name in TITLES}


chosen = partial(chosen_rows, "predict", ROWS)
