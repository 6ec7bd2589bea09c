"""interlace correct"""

import re
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import RunDirectory, existing
from interlace.cli.writing import answer_lines, open_writer

TOKENS = re.compile(r"\s+|\w+|[^\w\s]")


def correct(
    run_dir: RunDirectory,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="Texts, one a line; without it the standard input.",
            show_default=False,
            callback=existing,
        ),
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what was changed, as [-before-]{+after+}, where a line was.")
    ] = False,
) -> None:
    """Correct each line of a file or of the standard input, as soon as it is there."""
    answerer = open_writer(run_dir, "correct")
    for line, text in answer_lines(answerer, file):
        print(changes(line, text) if diff else text, flush=True)


def changes(before: str, after: str) -> str:
    """A text with its changed words and marks as [-before-]{+after+}, the format of wdiff."""
    old, new = TOKENS.findall(before), TOKENS.findall(after)
    told = []
    for kind, start, stop, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        removed, added = "".join(old[start:stop]), "".join(new[first:last])
        if kind == "equal":
            told.append(removed)
        else:
            told.append((f"[-{removed}-]" if removed else "") + (f"{{+{added}+}}" if added else ""))
    return "".join(told)
