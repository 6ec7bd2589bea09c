"""interlace translate"""

import sys
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from interlace.cli.arguments import RunDirectory, existing, writable_file
from interlace.cli.writing import answer_lines, open_writer, tell_of_terminal
from interlace.errors import UserError

if TYPE_CHECKING:
    from interlace.apps.run_answerer import RunAnswerer
    from interlace.apps.text_answerer import TextAnswerer


def translate(
    run_dir: RunDirectory,
    document: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DOCUMENT]",
            help="A .txt, .md, .docx or .pdf file; without it the lines of the standard input.",
            show_default=False,
            callback=existing,
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Target language, such as de, for a model of several.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            callback=writable_file, help="File for the translated document; default: its text.", show_default=False
        ),
    ] = None,
    wait: Annotated[
        int | None,
        typer.Option(min=1, help="Write while words come in, this many words behind (wait-k).", show_default=False),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Sentences of a document at a time.")] = 64,
) -> None:
    """Translate a document, or each line of the standard input as soon as it is there.

    The translation of .pdf is its text as .md. With --wait the words of a line are translated before it ends.
    """
    _check(document, output, wait)
    answerer = open_writer(run_dir, "translate")
    tag = tag_for(answerer, to, of_lines=document is None and wait is None)
    if document is not None:
        _translate_document(answerer.run, document, output, tag, batch_size)
    elif wait is not None:
        _translate_words(answerer, wait, tag)
    else:
        for _, text in answer_lines(answerer, None, tag):
            print(text, flush=True)


def _check(document: Path | None, output: Path | None, wait: int | None) -> None:
    """UserError for options that do not fit, before any large import."""
    from interlace.configuration.documents import DOCUMENTS, check_output

    if document is None:
        if output is not None:
            raise UserError(
                f"--output {output}: it belongs to a document; lines are printed, for a file add > {output}"
            )
        return
    if document.suffix.lower() not in DOCUMENTS:
        raise UserError(
            f"{document}: expected a document, {', '.join(DOCUMENTS)}; for the lines of a file: < {document}"
        )
    if wait is not None:
        raise UserError(f"--wait: it belongs to words that come one by one, and {document} is whole; leave it out")
    if output is None and document.suffix.lower() == ".docx":
        raise UserError(f"{document}: its translation is a Word document; add --output NAME.docx")
    if output is not None:
        check_output(document, output)


def tag_for(answerer: "RunAnswerer | TextAnswerer", to: str | None, *, of_lines: bool) -> str | None:
    """The tag of a target language; None for a model of one, and `of_lines` that bring their own tags. UserError for a
    language that the model does not write."""
    from interlace.data.tokenizers.tags import tag_of

    tags = answerer.description.tags
    name = answerer.description.name
    if to is None:
        if tags and not of_lines:
            raise UserError(f"--to: {name} writes several languages; choose one of {_languages(tags)}")
        if tags:
            print(f"{name} writes {_languages(tags)}; --to chooses, or a tag begins each line", file=sys.stderr)
        return None
    if not tags:
        only = answerer.run.config["data"].get("target")
        if to != only:
            raise UserError(f"--to {to}: {name} writes one language, {only}; leave it out")
        return None
    if (tag := tag_of(to)) not in tags:
        raise UserError(f"--to {to}: {name} was not trained to write it; expected one of {_languages(tags)}")
    return tag


def _languages(tags: tuple[str, ...]) -> str:
    return ", ".join(tag.removeprefix(">>").removesuffix("<<") for tag in tags)


def _translate_document(run: Any, source: Path, output: Path | None, tag: str | None, batch_size: int) -> None:
    """Writes the translation of a document, and tells what it could not keep."""
    from interlace.data.remarks import collect_remarks, remark_lines
    from interlace.tracking.files import write_atomically

    with collect_remarks() as remarks:
        made = run.translate(source, tag=tag, batch_size=batch_size)
    content = made.encode() if isinstance(made, str) else made
    if output is None:
        sys.stdout.write(content.decode())
    else:
        write_atomically(output, lambda temporary: temporary.write_bytes(content))
        print(f"the translation is in {output}")
    for sentence in remark_lines(remarks):
        print(sentence, file=sys.stderr)


def _translate_words(answerer: "RunAnswerer | TextAnswerer", lag: int, tag: str | None) -> None:
    """Prints the words of each line of the standard input as they are translated."""
    from interlace.apps.streams import arriving_words, open_stream

    tell_of_terminal("Words are translated at the end of a line, as a terminal gives whole lines; Ctrl-D ends.")
    start, told = open_stream(answerer.run, lag, tag)
    print(told, file=sys.stderr)
    stream, written = start(), 0
    for word in arriving_words(cast(BufferedIOBase, sys.stdin.buffer)):
        for made in stream.finish() if word is None else stream.read(word):
            print(f"{' ' if written else ''}{made}", end="", flush=True)
            written += 1
        if word is None:
            print(flush=True)
            stream, written = start(), 0
