"""Tokenizers, trained here or loaded from a tokenizer.json, with a common interface."""

from interlace.data.tokenizers.builders import (
    BPEBuilder,
    ByteBuilder,
    CharBuilder,
    FileBuilder,
    TokenizerBuilder,
    UnigramBuilder,
    WordBuilder,
    WordPieceBuilder,
    builder_of,
)
from interlace.data.tokenizers.tokenizer import TextTokenizer

__all__ = [
    "BPEBuilder",
    "ByteBuilder",
    "CharBuilder",
    "FileBuilder",
    "TextTokenizer",
    "TokenizerBuilder",
    "UnigramBuilder",
    "WordBuilder",
    "WordPieceBuilder",
    "builder_of",
]
