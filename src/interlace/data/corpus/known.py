"""Corpora known by name, and their splits."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from interlace.configuration.suggestions import did_you_mean
from interlace.data.corpus.reading import Document, paragraphs
from interlace.data.sources import find
from interlace.errors import UserError


class Part(NamedTuple):
    """A file, or its characters from the fraction `begin` to the fraction `end`."""

    path: Path
    begin: float = 0.0
    end: float = 1.0

    @property
    def is_full(self) -> bool:
        """True if the part is the whole file."""
        return (self.begin, self.end) == (0.0, 1.0)

    def cut(self, text: str, document: Document) -> Iterator[str]:
        """The documents of this part of the file's text; lines and paragraphs are not cut."""
        first, last = (self._edge(text, fraction, document) for fraction in (self.begin, self.end))
        share = text[first:last]
        if document == "file":
            return iter([share])
        lines = share.split("\n")
        return paragraphs(lines) if document == "paragraph" else iter(lines)

    def _edge(self, text: str, fraction: float, document: Document) -> int:
        edge = int(fraction * len(text))
        if document == "file" or edge in (0, len(text)):
            return edge
        mark = "\n" if document == "line" else "\n\n"
        found = text.find(mark, edge)
        return len(text) if found < 0 else found + len(mark)


class Known(NamedTuple):
    """A known corpus: the unit of documents, and the parts of each split."""

    document: Document
    splits: dict[str, list[tuple[str, float, float]]]


KNOWN: dict[str, Known] = {
    # Split as in char-rnn and nanoGPT: the last tenth of the characters is for validation. There is no test split.
    "tinyshakespeare": Known(
        "file",
        {"train": [("input.txt", 0.0, 0.9)], "val": [("input.txt", 0.9, 1.0)], "test": [("input.txt", 0.9, 1.0)]},
    ),
    # Lines are wrapped, so each file is one document.
    "war-and-peace": Known(
        "file",
        {
            "train": [("wap.train.txt", 0.0, 1.0)],
            "val": [("wap.valid.txt", 0.0, 1.0)],
            "test": [("wap.test.txt", 0.0, 1.0)],
        },
    ),
    # Trained on valid.txt, since the source does not distribute the 10.8 MB of train.txt; evaluated on the two halves
    # of test.txt. Not comparable with published results.
    "wikitext-2": Known(
        "line",
        {"train": [("valid.txt", 0.0, 1.0)], "val": [("test.txt", 0.0, 0.5)], "test": [("test.txt", 0.5, 1.0)]},
    ),
}


def known_corpus(name: str) -> tuple[Document, dict[str, list[Part]]]:
    """The unit of documents and the parts of each split; files are downloaded if they are not on disk."""
    if name not in KNOWN:
        raise UserError(
            f"data.name: {name!r} is not a known corpus; {did_you_mean(name, KNOWN)}; or name files in data.train"
        )
    folder = find(name)
    known = KNOWN[name]
    return known.document, {
        split: [Part(folder / file, begin, end) for file, begin, end in parts] for split, parts in known.splits.items()
    }
