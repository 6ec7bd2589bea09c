"""Lines in, texts out, for the verbs `translate`, `correct` and `summarize`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from interlace.cli.console import tell_stale
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.apps.answers import Answer
    from interlace.apps.run_answerer import RunAnswerer
    from interlace.apps.text_answerer import TextAnswerer

# Kinds of runs that write no texts for texts, and the commands that ask them.
OTHERS = {
    "classify": "it chooses an answer: interlace ask RUN_DIR, or interlace predict for many lines",
    "describe": "it writes about pictures and sounds: interlace ask RUN_DIR, or interlace predict for many lines",
    "converse": "it replies in conversations: interlace chat RUN_DIR",
    "continue": "it continues texts: interlace generate RUN_DIR --prompt TEXT",
    "find": "it finds passages: interlace ask RUN_DIR",
}


def open_writer(directory: Path, verb: str) -> "RunAnswerer | TextAnswerer":
    """A run that writes texts for texts; UserError for others, and for one whose task has another verb."""
    from interlace.apps.opening import open_answerer
    from interlace.apps.run_answerer import RunAnswerer
    from interlace.apps.text_answerer import TextAnswerer
    from interlace.assembly.components import build_text_task

    tell_stale(directory)
    answerer = open_answerer(directory)
    kind = answerer.description.kind
    if kind in OTHERS:
        raise UserError(f"{directory}: {OTHERS[kind]}")
    assert isinstance(answerer, RunAnswerer | TextAnswerer), "only these rewrite"
    own = build_text_task(answerer.run.config).verb
    if own not in (None, verb):
        raise UserError(f"{directory}: its task is {answerer.description.task}: interlace {own} RUN_DIR")
    return answerer


def numbered_texts(file: Path | None, expected: str = "One text a line; Ctrl-D ends.") -> Iterator[tuple[int, str]]:
    """The lines of a file, or of the standard input as they come, with their numbers from 1; `expected` is said to
    people who type."""
    from interlace.inputs import note
    from interlace.reading.files import decode_utf8, open_regular
    from interlace.reading.lines import numbered_lines

    if file is None:
        tell_of_terminal(expected)
        where = "the standard input"
        for number, raw in numbered_lines(sys.stdin.buffer, where):
            yield number, decode_utf8(raw, f"{where}:{number}")
        return
    note(file)
    with open_regular(file) as stream:
        for number, raw in numbered_lines(stream, file):
            yield number, decode_utf8(raw, f"{file}:{number}")


def tell_of_terminal(sentence: str) -> None:
    """Says what is expected where people type."""
    if sys.stdin.isatty():
        print(sentence, file=sys.stderr)


def answer_lines(
    answerer: "RunAnswerer | TextAnswerer", file: Path | None, tag: str | None = None
) -> Iterator[tuple[str, str]]:
    """Each line with its answer, as soon as it is read; blank lines stay. Raises UserError with the line's number."""
    for number, line in numbered_texts(file):
        if not line.strip():
            yield line, line
            continue
        try:
            yield line, ask(answerer, line, tag).text
        except UserError as error:
            raise UserError(f"{file or 'the standard input'}:{number}: {error}") from None


def ask(answerer: "RunAnswerer | TextAnswerer", text: str, tag: str | None = None) -> "Answer":
    """The answer to a text; what of it was not read is told on standard error. Raises UserError."""
    from interlace.apps.answers import Question

    (answer,) = answerer.answer([Question(text, tag=tag)])
    if isinstance(answer, UserError):
        raise answer
    if (truncated := answer.details.get("truncated")) is not None:
        read = answer.details["prompt_tokens"]
        print(f"{text[:40]!r}...: {truncated} tokens, of which the model reads the first {read}", file=sys.stderr)
    return answer
