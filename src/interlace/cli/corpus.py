"""interlace corpus"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import Json, existing
from interlace.cli.tokenizer import DocumentOption, FieldOption, Files

app = typer.Typer(no_args_is_help=True, help="Clean text, pack it into shards of token ids, and inspect them.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder of packed shards.", callback=existing)]


@app.command()
def pack(
    files: Files,
    tokenizer: Annotated[Path, typer.Option(help="A tokenizer.json, or a Hugging Face folder.", callback=existing)],
    output: Annotated[Path, typer.Option(help="A new folder, named .../train or .../val for data.shards=...")],
    document: DocumentOption = "line",
    field: FieldOption = "text",
    strip_html: Annotated[bool, typer.Option(help="Documents with tags become their main text.")] = False,
    fix_text: Annotated[bool, typer.Option(help="Mend mojibake (ftfy).")] = False,
    normalization: Annotated[str | None, typer.Option(help="NFC or NFKC.")] = None,
    remove_controls: Annotated[bool, typer.Option(help="Drop control characters but tab and newline.")] = False,
    remove_punctuation: Annotated[bool, typer.Option(help="Punctuation and symbols become spaces.")] = False,
    min_characters: Annotated[int, typer.Option(help="Leave out shorter documents.")] = 0,
    max_characters: Annotated[int | None, typer.Option(help="Leave out longer documents.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Keep only documents in these (may be repeated).")] = None,
    duplicates: Annotated[str, typer.Option(help="Duplicates to leave out: keep (none), exact or near.")] = "keep",
    similarity: Annotated[
        float, typer.Option(help="Jaccard similarity of word 5-grams from which documents are near duplicates.")
    ] = 0.8,
) -> None:
    """Clean files, encode them and pack the ids; an interruption leaves no partial folder."""
    from interlace.cli.console import packing_progress
    from interlace.configuration.checking import check_options
    from interlace.data.corpus import Cleaning, expand, read_documents
    from interlace.data.corpus import pack as pack_documents
    from interlace.data.corpus.reading import check_document
    from interlace.data.tokenizers import TextTokenizer

    options = {
        "strip_html": strip_html, "fix_text": fix_text, "normalization": normalization,
        "remove_controls": remove_controls, "remove_punctuation": remove_punctuation,
        "min_characters": min_characters, "max_characters": max_characters, "languages": language or None,
        "duplicates": duplicates, "similarity": similarity,
    }  # fmt: skip
    check_options("cleaning", Cleaning, options)
    counts: Counter[str] = Counter()
    texts = read_documents(expand(files), document=check_document(document), field=field, counts=counts)
    cleaned = Cleaning(**options).clean(texts, counts)  # type: ignore[arg-type]
    with packing_progress() as progress:
        pack_documents(cleaned, TextTokenizer.load(tokenizer), output, counts=counts, progress=progress)
    describe(output)


@app.command()
def describe(folder: Folder, json: Json = False) -> None:
    """Print the counts of a packed corpus, and of documents that cleaning changed and left out."""
    import dataclasses

    from interlace.data.corpus import Shards

    header = Shards(folder).header
    if json:
        import json as encoder

        print(encoder.dumps(dataclasses.asdict(header), indent=2))
        return
    print(f"{folder}")
    for name in ("documents", "tokens", "bytes", "words"):
        print(f"  {name:16} {getattr(header, name):,}")
    print(f"  {'bytes per token':16} {header.bytes / header.tokens:.3f}")
    print(f"  {'vocabulary':16} {header.vocabulary_size:,} ({header.dtype}, tokenizer {header.tokenizer_hash[:12]})")
    print(f"  {'shards':16} {len(header.shards)}")
    for name, count in header.counts.items():
        print(f"    {name.replace('_', ' '):20} {count:,}")


@app.command()
def check(folder: Folder) -> None:
    """Read every byte of a packed corpus and compare it with its checksums."""
    from interlace.data.corpus import Shards

    Shards(folder).check()
    print("no problems")
