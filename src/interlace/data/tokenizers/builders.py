"""Configurable builders of tokenizers, each with a cache key for its result."""

import inspect
from collections.abc import Iterator
from typing import Annotated, Any, Protocol

from pydantic import Field

from interlace.configuration.suggestions import did_you_mean
from interlace.data.tokenizers.roles import TOKENIZER_FILE
from interlace.data.tokenizers.tokenizer import TextTokenizer
from interlace.data.tokenizers.training import (
    make_byte,
    train_bpe,
    train_char,
    train_unigram,
    train_word,
    train_wordpiece,
)
from interlace.errors import UserError

Frequency = Annotated[int, Field(ge=1)]
VERSION = 1  # increased when training gives different vocabularies for the same options


class TokenizerBuilder(Protocol):
    """A builder that makes a tokenizer from texts."""

    def build(self, texts: Iterator[str]) -> TextTokenizer:
        """Builds a tokenizer, trained on `texts`; without training they are not consumed."""

    def key(self) -> dict[str, Any]:
        """Returns plain values that determine the result together with the texts."""


class _Builder:
    """Base class of builders whose options are attributes and form the key."""

    kind: str

    def key(self) -> dict[str, Any]:
        """Returns the kind, the options and the version of the training."""
        return {"kind": self.kind, "version": VERSION, **vars(self)}


class BPEBuilder(_Builder):
    """Byte-level BPE (GPT-2): lossless unless `lowercase`. Pairs rarer than `min_frequency` are not merged.

    `num_sentinels` tokens <extra_id_i> come last, for span corruption with the same tokens as other objectives.
    """

    kind = "bpe"

    def __init__(
        self,
        *,
        vocabulary_size: Annotated[int, Field(ge=261)] = 8192,
        min_frequency: Frequency = 2,
        lowercase: bool = False,
        num_sentinels: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        what = "5 special tokens, 256 bytes" + (f" and {num_sentinels} sentinels" if num_sentinels else "")
        _at_least("vocabulary_size", vocabulary_size, 261 + num_sentinels, what)
        self.vocabulary_size = vocabulary_size
        self.min_frequency = min_frequency
        self.lowercase = lowercase
        self.num_sentinels = num_sentinels

    def build(self, texts: Iterator[str]) -> TextTokenizer:
        """Trains on `texts`."""
        return train_bpe(texts, **vars(self))


class WordPieceBuilder(_Builder):
    """BERT's WordPiece. Lossy: white space is collapsed, `lowercase` drops accents, unknown words become [UNK]."""

    kind = "wordpiece"

    def __init__(
        self,
        *,
        vocabulary_size: Annotated[int, Field(ge=8)] = 8192,
        min_frequency: Frequency = 2,
        lowercase: bool = True,
        max_characters: Annotated[int, Field(ge=1)] = 1000,
    ) -> None:
        _at_least("vocabulary_size", vocabulary_size, 8, "5 special tokens and some characters")
        self.vocabulary_size = vocabulary_size
        self.min_frequency = min_frequency
        self.lowercase = lowercase
        self.max_characters = max_characters

    def build(self, texts: Iterator[str]) -> TextTokenizer:
        """Trains on `texts`."""
        return train_wordpiece(texts, **vars(self))


class UnigramBuilder(_Builder):
    """T5's sentencepiece Unigram with `num_sentinels` of <extra_id_i> last. Lossy: NFKC, white space collapsed."""

    kind = "unigram"

    def __init__(
        self,
        *,
        vocabulary_size: Annotated[int, Field(ge=8)] = 8192,
        lowercase: bool = False,
        num_sentinels: Annotated[int, Field(ge=0)] = 100,
        max_characters: Annotated[int, Field(ge=1)] = 1000,
        byte_fallback: bool = False,
    ) -> None:
        _at_least("vocabulary_size", vocabulary_size, 8, "3 special tokens and some characters")
        self.vocabulary_size = vocabulary_size
        self.lowercase = lowercase
        self.num_sentinels = num_sentinels
        self.max_characters = max_characters
        self.byte_fallback = byte_fallback

    def build(self, texts: Iterator[str]) -> TextTokenizer:
        """Trains on `texts`."""
        return train_unigram(texts, **vars(self))


class ByteBuilder(_Builder):
    """The 256 bytes of UTF-8 and five special tokens; lossless, nothing to train."""

    kind = "byte"

    def build(self, texts: Iterator[str]) -> TextTokenizer:
        """Builds the tokenizer without consuming `texts`."""
        return make_byte()


class CharBuilder(_Builder):
    """Characters: all that occur `min_frequency` times, or the `vocabulary_size` most frequent; others are unknown.

    With `byte_fallback` unknown characters are encoded as bytes, and the tokenizer is lossless.
    """

    kind = "char"

    def __init__(
        self,
        *,
        vocabulary_size: Annotated[int, Field(ge=6)] | None = None,
        min_frequency: Frequency = 1,
        byte_fallback: bool = False,
    ) -> None:
        self.vocabulary_size = vocabulary_size
        self.min_frequency = min_frequency
        self.byte_fallback = byte_fallback

    def build(self, texts: Iterator[str]) -> TextTokenizer:
        """Counts the characters of `texts`."""
        return train_char(texts, **vars(self))


class WordBuilder(_Builder):
    """Whole words. Lossy: white space is collapsed, rare words are unknown. See `training.train_word`."""

    kind = "word"

    def __init__(
        self,
        *,
        vocabulary_size: Annotated[int, Field(ge=6)] | None = 32768,
        min_frequency: Frequency = 1,
        lowercase: bool = False,
        punctuation: bool = True,
    ) -> None:
        self.vocabulary_size = vocabulary_size
        self.min_frequency = min_frequency
        self.lowercase = lowercase
        self.punctuation = punctuation

    def build(self, texts: Iterator[str]) -> TextTokenizer:
        """Counts the words of `texts`."""
        return train_word(texts, **vars(self))


class FileBuilder:
    """An existing tokenizer.json: the file, or a Hugging Face folder."""

    kind = "file"

    def __init__(self, *, path: str) -> None:
        self.path = path

    def build(self, texts: Iterator[str]) -> TextTokenizer:
        """Builds the tokenizer without consuming `texts`."""
        return TextTokenizer.load(self.path)

    def key(self) -> dict[str, Any]:
        """Returns a key by the content of the file, not by its path."""
        return {"kind": self.kind, "hash": TextTokenizer.load(self.path).hash}


BUILDERS = {b.kind: b for b in (BPEBuilder, WordPieceBuilder, UnigramBuilder, ByteBuilder, CharBuilder, WordBuilder)}


def builder_of(kind: str, **options: Any) -> TokenizerBuilder:
    """The builder of a kind; options that are None take its defaults. UserError for unknown kinds and options."""
    if kind not in BUILDERS:
        hint = f"; a {TOKENIZER_FILE} is loaded, not trained" if kind == "file" else ""
        raise UserError(f"{kind}: unknown kind of tokenizer; {did_you_mean(kind, BUILDERS)}{hint}")
    known = inspect.signature(BUILDERS[kind]).parameters
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in known:
            raise UserError(f"{name}: not an option of a {kind} tokenizer; {did_you_mean(name, known)}")
    return BUILDERS[kind](**given)


def _at_least(name: str, value: int, minimum: int, what: str) -> None:
    if value < minimum:
        raise UserError(f"tokenizer.{name}: got {value}; expected at least {minimum} ({what})")
