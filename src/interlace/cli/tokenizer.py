"""interlace tokenizer"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from interlace.cli.arguments import existing

app = typer.Typer(no_args_is_help=True, help="Train and inspect tokenizers.")

Files = Annotated[list[str], typer.Argument(help="Files or globs: .txt .jsonl .parquet .warc .wet, also .gz .zst.")]
DocumentOption = Annotated[str, typer.Option(help="Unit that is one document in plain text: line, paragraph or file.")]
FieldOption = Annotated[str, typer.Option(help="The field or column that holds the text.")]


@app.command()
def train(
    files: Files,
    output: Annotated[Path, typer.Option(help="A .json file, or a folder for the files transformers reads.")],
    kind: Annotated[str, typer.Option(help="bpe, wordpiece, unigram, byte, char or word.")] = "bpe",
    vocabulary_size: Annotated[
        int | None, typer.Option(help="Size, special tokens included. Default: that of the kind.")
    ] = None,
    min_frequency: Annotated[int | None, typer.Option(help="Leave out rarer pairs, words or characters.")] = None,
    lowercase: Annotated[bool | None, typer.Option(help="Lower-case all text.")] = None,
    num_sentinels: Annotated[int | None, typer.Option(help="unigram, bpe: number of <extra_id_i> tokens.")] = None,
    max_characters: Annotated[int | None, typer.Option(help="wordpiece, unigram: size of the alphabet.")] = None,
    byte_fallback: Annotated[
        bool | None, typer.Option(help="unigram, char: encode unknown characters as bytes.")
    ] = None,
    punctuation: Annotated[bool | None, typer.Option(help="word: punctuation marks are separate words.")] = None,
    document: DocumentOption = "line",
    field: FieldOption = "text",
) -> None:
    """Train a tokenizer on files; the same files in the same order give the same tokenizer."""
    from interlace.cli.console import show_counts
    from interlace.data.corpus import expand, read_documents
    from interlace.data.corpus.reading import check_document
    from interlace.data.tokenizers import builder_of

    builder = builder_of(
        kind, vocabulary_size=vocabulary_size, min_frequency=min_frequency, lowercase=lowercase,
        num_sentinels=num_sentinels, max_characters=max_characters, byte_fallback=byte_fallback,
        punctuation=punctuation,
    )  # fmt: skip
    texts = read_documents(expand(files), document=check_document(document), field=field)
    with show_counts("read", texts) as counted:
        tokenizer = builder.build(counted)
    tokenizer.save(output)
    print(f"{output}: {tokenizer.kind}, {len(tokenizer)} tokens, hash {tokenizer.hash[:12]}")
    if vocabulary_size is not None and len(tokenizer) < vocabulary_size:
        print(f"interlace: the texts give no more than {len(tokenizer)} of {vocabulary_size} tokens", file=sys.stderr)


@app.command()
def show(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="A tokenizer.json, or a Hugging Face folder.", callback=existing)
    ],
    text: Annotated[str, typer.Option(help="Text to segment.")] = "The quick brown fox doesn't jump over 12 lazy dogs.",
    file: Annotated[Path | None, typer.Option(help="A text file to measure bytes per token on.")] = None,
) -> None:
    """Show a tokenizer: size, special tokens, the segmentation of a text, and bytes per token."""
    from interlace.data.corpus.reading import read_whole
    from interlace.data.tokenizers import TextTokenizer

    tokenizer = TextTokenizer.load(path)
    print(f"kind             {tokenizer.kind}")
    print(f"vocabulary size  {len(tokenizer)}")
    print(f"lossless         {'yes' if tokenizer.lossless else 'no'}")
    print(f"hash             {tokenizer.hash}")
    for role, token in vars(tokenizer.roles).items():
        if token is not None:
            print(f"{role:16} {token} ({tokenizer.token_id(token)})")
    if tokenizer.sentinel_ids:
        print(f"sentinels        {len(tokenizer.sentinel_ids)}: ids {tokenizer.sentinel_ids[0]} downwards")
    ids = tokenizer.encode(text)
    print("segmentation     " + " | ".join(str(tokenizer.token(i)) for i in ids))
    measured = text if file is None else read_whole(file)
    size = len(ids) if file is None else len(tokenizer.encode_arrays([measured])[0])
    if size:
        print(f"bytes per token  {len(measured.encode()) / size:.3f} (on {'the text' if file is None else file})")
