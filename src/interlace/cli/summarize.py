"""interlace summarize"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlace.cli.arguments import RunDirectory, existing
from interlace.cli.writing import ask, open_writer, tell_of_terminal
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.apps.run_answerer import RunAnswerer
    from interlace.apps.text_answerer import TextAnswerer


def summarize(
    run_dir: RunDirectory,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A text, .md, .docx or .pdf; without it the standard input.",
            show_default=False,
            callback=existing,
        ),
    ] = None,
    sentences: Annotated[
        int | None,
        typer.Option(
            min=1, help="Most sentences or lines, for a model that takes them from the text.", show_default=False
        ),
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens, for a model that writes new words.", show_default=False)
    ] = None,
) -> None:
    """Summarize a text as a whole; of one that is too long for the model the beginning, which is told."""
    answerer = open_writer(run_dir, "summarize")
    _shorten(answerer, sentences, max_new_tokens)
    print(ask(answerer, _read(file)).text)


def _shorten(answerer: "RunAnswerer | TextAnswerer", sentences: int | None, max_new_tokens: int | None) -> None:
    """Sets the length of summaries; UserError for an option that the model does not have."""
    from interlace.apps.text_answerer import TextAnswerer
    from interlace.models.text_algorithms.extractive import ExtractiveSummarizer

    name, model = answerer.description.name, answerer.run.kept_model
    if sentences is not None:
        if not isinstance(model, ExtractiveSummarizer):
            raise UserError(f"--sentences: {name} writes new words; --max-new-tokens limits them")
        model.limit = (sentences, None)
    if max_new_tokens is not None:
        if not isinstance(answerer, TextAnswerer):
            raise UserError(f"--max-new-tokens: {name} takes its words from the text; --sentences limits them")
        fewest = min(answerer.options.min_new_tokens, max_new_tokens)
        answerer.options = replace(answerer.options, max_new_tokens=max_new_tokens, min_new_tokens=fewest)


def _read(file: Path | None) -> str:
    """The whole text, within the limit text_bytes."""
    from interlace.data.documents.passages import read_blocks
    from interlace.inputs import note
    from interlace.reading.files import decode_utf8, read_text
    from interlace.reading.limits import exceeded, format_limit, limit

    if file is not None and file.suffix.lower() in (".md", ".docx", ".pdf"):
        return "\n".join(block.text for block in read_blocks(file))
    if file is not None:
        note(file)
        return read_text(file)
    tell_of_terminal("A text; Ctrl-D ends.")
    where, most = "the standard input", limit("text_bytes")
    content = sys.stdin.buffer.read(most + 1)
    if len(content) > most:
        raise exceeded(where, f"it has more than {format_limit('_bytes', most)}", "text_bytes")
    return decode_utf8(content, where)
