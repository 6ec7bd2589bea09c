"""Text to ids: tokenizers trained here or loaded from a tokenizer.json, all with the same few methods."""

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
