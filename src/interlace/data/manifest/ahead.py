"""Texts of many records tokenized together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from interlace.data.encoding import lookup
from interlace.data.manifest.rows import Line, Record
from interlace.data.text import WordTokenizer

Item = TypeVar("Item")
AT_ONCE = 1024  # records; a tokenizer shares them out among threads


class Ahead(WordTokenizer):
    """A tokenizer that is given a lot of texts at once, and then encodes each of them by looking it up."""

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self.words, self.characters = tokenizer.words, tokenizer.characters
        self._tokenizer, self._ids = tokenizer._tokenizer, tokenizer._ids
        self._known: dict[str, list[int]] = {}

    def fill(self, name: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Encodes modality `name` of records; the texts of before are forgotten."""
        texts = list({value: None for record in records if _is_text(value := lookup(record, name))})
        self._known = dict(zip(texts, self.encode_batch(texts), strict=True))

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without padding."""
        found = self._known.get(text)
        return super().encode(text) if found is None else found


def lots(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Consecutive items, AT_ONCE at a time."""
    rest = iter(items)
    while lot := list(islice(rest, AT_ONCE)):
        yield lot


def ahead(lines: Sequence[Line], look: Callable[[Sequence[Record]], object]) -> Iterator[Line]:
    """The lines, `look` given the records of each lot before its first line."""
    for lot in lots(lines):
        look([line.record for line in lot])
        yield from lot


def _is_text(value: Any) -> bool:
    """Whether a tokenizer can take a value: it would end the process on half a surrogate pair."""
    return isinstance(value, str) and (value.isascii() or value.encode("utf-8", "replace").decode() == value)
