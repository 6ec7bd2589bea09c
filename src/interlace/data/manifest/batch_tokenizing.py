"""Tokenization of the texts of many records at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from interlace.data.encoding import lookup
from interlace.data.manifest.rows import Line, Record
from interlace.data.text import WordTokenizer

Item = TypeVar("Item")
CHUNK = 1024  # records; the tokenizer distributes them over threads


class BatchTokenizer(WordTokenizer):
    """A tokenizer that encodes a batch of texts at once and then looks up each of them."""

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self.words, self.characters = tokenizer.words, tokenizer.characters
        self._tokenizer, self._ids = tokenizer._tokenizer, tokenizer._ids
        self._known: dict[str, list[int]] = {}

    def fill(self, name: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Encodes modality `name` of records, and forgets the texts of the batch before."""
        texts = list({value: None for record in records if _is_text(value := lookup(record, name))})
        self._known = dict(zip(texts, self.encode_batch(texts), strict=True))

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without padding."""
        found = self._known.get(text)
        return super().encode(text) if found is None else found


def chunks(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Consecutive items, CHUNK at a time."""
    rest = iter(items)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def with_look_ahead(lines: Sequence[Line], look: Callable[[Sequence[Record]], object]) -> Iterator[Line]:
    """The lines; `look` is called with the records of each chunk before its first line."""
    for chunk in chunks(lines):
        look([line.record for line in chunk])
        yield from chunk


def _is_text(value: Any) -> bool:
    """True if a value is text without lone surrogates, which would crash the tokenizer."""
    return isinstance(value, str) and (value.isascii() or value.encode("utf-8", "replace").decode() == value)
