"""Packed corpora: token ids in memory-mapped files, with checksums and the hash of their tokenizer.

A folder holds header.json, tokens-00000.bin, tokens-00001.bin, ... (little-endian ids; one stream, split anywhere),
documents.npy ((D+1,) int64: the start of each document in the stream, and the end) and the tokenizer's files. Every
document ends with the tokenizer's separator, if there is one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from interlace.data.cache import load_mapped
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError

FORMAT, VERSION = "interlace-shards", 1
HEADER, DOCUMENTS = "header.json", "documents.npy"
LARGEST = {"uint16": 1 << 16, "uint32": 1 << 32}  # vocabulary sizes that fit
REPACK = "pack the corpus again with `interlace corpus pack`"


@dataclass(frozen=True)
class Header:
    """The content of header.json. `tokens` includes separators; `bytes` and `words` count the cleaned text."""

    dtype: str
    vocabulary_size: int
    tokenizer_hash: str
    separator_id: int | None
    documents: int
    tokens: int
    bytes: int
    words: int
    shards: list[dict[str, Any]]  # {"file", "tokens", "sha256"}
    documents_sha256: str
    counts: dict[str, int]  # documents read, changed and dropped, by step

    def write(self, path: Path) -> None:
        """Writes the header as indented JSON."""
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> "Header":
        """Reads a header. Raises UserError if it is absent, damaged, or of another format."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; expected a folder of packed shards; {REPACK}") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error}); {REPACK}") from None
        if not isinstance(content, Mapping) or content.get("format") != FORMAT or content.get("version") != VERSION:
            raise UserError(f"{path}: expected format {FORMAT!r}, version {VERSION}; {REPACK}")
        try:
            header = Header(**{name: value for name, value in content.items() if name not in ("format", "version")})
        except TypeError as error:
            raise UserError(f"{path}: keys are missing or unknown ({error}); {REPACK}") from None
        if header.dtype not in LARGEST or header.vocabulary_size > LARGEST[header.dtype]:
            raise UserError(
                f"{path}: a vocabulary of {header.vocabulary_size} does not fit the shards' {header.dtype}; {REPACK}"
            )
        return header


class Shards:
    """An opened folder of shards, memory-mapped and read on demand.

    Raises UserError, naming the file, if something is missing or truncated, or if the shards were made with another
    tokenizer than `tokenizer`. `check` reads everything and compares checksums.
    """

    def __init__(self, folder: str | Path, tokenizer: TextTokenizer | None = None) -> None:
        self.folder = Path(folder).expanduser()
        self.header = Header.read(self.folder / HEADER)
        if tokenizer is not None and tokenizer.hash != self.header.tokenizer_hash:
            raise UserError(
                f"{self.folder}: packed with the tokenizer {self.header.tokenizer_hash[:12]}, not with "
                f"{tokenizer.hash[:12]}; use the tokenizer.json beside the shards, or {REPACK}"
            )
        item = np.dtype(self.header.dtype).newbyteorder("<")
        self._parts = [self._map(shard, item) for shard in self.header.shards]
        self._starts = np.cumsum([0, *(len(part) for part in self._parts)])
        self.documents = self._bounds()
        """Bounds (D+1,) int64: document d is tokens documents[d] to documents[d + 1], with its separator."""

    def _map(self, shard: Mapping[str, Any], item: np.dtype[Any]) -> np.ndarray:
        path = self.folder / shard["file"]
        if not path.is_file():
            raise UserError(f"{path}: missing, though {HEADER} names it; {REPACK}")
        expected, found = shard["tokens"] * item.itemsize, path.stat().st_size
        if found != expected:
            raise UserError(f"{path}: holds {found} bytes, expected {expected}: cut short or changed; {REPACK}")
        return np.asarray(np.memmap(path, dtype=item, mode="r")).view(np.ndarray)

    def _bounds(self) -> np.ndarray:
        path = self.folder / DOCUMENTS
        try:
            bounds = load_mapped(path)
        except FileNotFoundError:
            raise UserError(f"{path}: missing; {REPACK}") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error}); {REPACK}") from None
        complete = len(bounds) == self.header.documents + 1 and bounds[0] == 0 and bounds[-1] == self.header.tokens
        if not complete or self._starts[-1] != self.header.tokens:
            raise UserError(f"{path}: does not match {HEADER}: documents or tokens are missing; {REPACK}")
        return bounds

    def __len__(self) -> int:
        """The number of tokens, separators included."""
        return self.header.tokens

    def take(self, positions: np.ndarray) -> np.ndarray:
        """The tokens at positions of the stream (any shape), in the dtype of the shards."""
        if len(self._parts) == 1:
            return self._parts[0][positions]
        out = np.empty(positions.shape, dtype=self._parts[0].dtype)
        part_of = np.searchsorted(self._starts, positions, side="right") - 1
        for part in np.unique(part_of):
            where = part_of == part
            out[where] = self._parts[part][positions[where] - self._starts[part]]
        return out

    def document(self, index: int) -> np.ndarray:
        """The tokens of one document, its separator included."""
        return self.take(np.arange(self.documents[index], self.documents[index + 1]))

    def tokenizer(self) -> TextTokenizer:
        """Loads the tokenizer beside the shards. Raises UserError if it is not the one they were made with."""
        tokenizer = TextTokenizer.load(self.folder)
        if tokenizer.hash != self.header.tokenizer_hash:
            raise UserError(f"{self.folder}: its tokenizer.json is not the one the shards were made with; {REPACK}")
        return tokenizer

    def check(self) -> None:
        """Verifies every byte. Raises UserError for the first wrong checksum, or for an id outside the vocabulary."""
        for shard, part in zip(self.header.shards, self._parts, strict=True):
            path = self.folder / shard["file"]
            if sha256_of(path) != shard["sha256"]:
                raise UserError(f"{path}: its checksum is not the one in {HEADER}: damaged or changed; {REPACK}")
            if int(part.max(initial=0)) >= self.header.vocabulary_size:
                raise UserError(f"{path}: holds ids beyond the vocabulary of {self.header.vocabulary_size}; {REPACK}")
        if sha256_of(self.folder / DOCUMENTS) != self.header.documents_sha256:
            raise UserError(f"{self.folder / DOCUMENTS}: its checksum is not the one in {HEADER}; {REPACK}")
        self.tokenizer()

    def fingerprint(self) -> str:
        """SHA-256 over the checksums of shards and document bounds: equal content gives an equal fingerprint."""
        parts = [*(shard["sha256"] for shard in self.header.shards), self.header.documents_sha256]
        return hashlib.sha256(" ".join([self.header.dtype, *parts]).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
