"""interlace index"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from interlace.cli.arguments import INDEX_FILE, existing
from interlace.errors import UserError


def index(
    documents: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A folder of .txt, .md, .docx and .pdf files, or one.", callback=existing),
    ],
    output: Annotated[Path, typer.Option("--output", help="The folder of the index, replaced where one lies there.")],
    retriever: Annotated[
        Literal["bm25", "dense", "hybrid"],
        typer.Option(help="Rank by words, by vectors of --encoder, or by both (reciprocal rank fusion)."),
    ] = "bm25",
    encoder: Annotated[
        Path | None, typer.Option(help="Run of a text encoder, or a Hugging Face folder.", callback=existing)
    ] = None,
    words: Annotated[int, typer.Option(min=10, help="Most words of a passage.")] = 150,
    on_error: Annotated[
        Literal["raise", "skip"],
        typer.Option(help="Documents that cannot be read: stop, or leave them out and say so."),
    ] = "raise",
) -> None:
    """Make an index of documents, to be asked with interlace ask.

    Passages are paragraphs under one heading or on one page, up to --words words together.
    """
    if output.exists() and not (output / INDEX_FILE).is_file():
        raise UserError(f"--output {output}: already exists and is no index; choose another folder")
    from interlace.retrieval.making import check_encoder, make_index

    check_encoder(retriever, encoder)
    from interlace.data.documents.passages import read_folder

    def tell(error: UserError) -> None:
        print(f"interlace: left out: {error}", file=sys.stderr)

    collection = read_folder(documents, words, tell if on_error == "skip" else None)
    make_index(collection, retriever, encoder).save(output)
    files = len({name.rpartition("#")[0] for name in collection.ids})
    print(f"{len(collection)} passages of {files} documents in {output}")
