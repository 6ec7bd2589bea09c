"""Packing of text into shards, in constant memory."""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from interlace.data.corpus.shards import DOCUMENTS, HEADER, LARGEST, Header, Shards, sha256_of
from interlace.data.tokenizers import TextTokenizer
from interlace.errors import UserError
from interlace.folders import whole_folder

BATCH_CHARACTERS = 1 << 21  # encoded at a time: bounds the memory, and is large enough to be fast
BATCH_DOCUMENTS = 1 << 16
SHARD_TOKENS = 1 << 28
RESTORED = "restored"  # documents that a lossy tokenizer restores exactly when decoding

Progress = Callable[[int, int, int], object]
"""Called after each batch with the documents, tokens and bytes packed so far."""


def pack(
    documents: Iterable[str],
    tokenizer: TextTokenizer,
    folder: str | Path,
    *,
    dtype: Literal["uint16", "uint32"] | None = None,
    shard_tokens: int = SHARD_TOKENS,
    counts: Counter[str] | None = None,
    progress: Progress | None = None,
) -> Shards:
    """Encode documents into a new folder of shards, which appears atomically, and open it.

    Each document is followed by the tokenizer's separator. `dtype` None: the smallest that holds the vocabulary.
    `counts`: the counter that readers and cleaning update while `documents` is consumed; it is stored in the header.

    Raises UserError if there is no token, if the vocabulary does not fit `dtype`, and if `folder` is not empty.
    """
    folder = Path(folder).expanduser()
    chosen = _dtype_for(tokenizer, dtype)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: exists and is not empty; name another folder, or remove it first")
    counts = Counter() if counts is None else counts
    with contextlib.ExitStack() as stack:
        try:
            temporary = stack.enter_context(whole_folder(folder))
        except OSError as error:
            raise UserError(f"{folder}: cannot be written ({error.strerror or error}); name another folder") from None
        writer = _Writer(temporary, tokenizer.separator_id, chosen, shard_tokens)
        for batch in _batches(documents):
            _write_batch(writer, tokenizer, batch, counts)
            if progress is not None:
                progress(writer.documents, writer.tokens, writer.bytes)
        if writer.tokens == 0:
            raise UserError(f"{folder}: the corpus is empty: there is no document to pack ({_summary(counts)})")
        header = writer.finish(len(tokenizer), tokenizer.hash, counts)
        tokenizer.save(temporary)
        header.write(temporary / HEADER)
    return Shards(folder)


def _dtype_for(tokenizer: TextTokenizer, dtype: str | None) -> str:
    size = len(tokenizer)
    if dtype is None:
        return "uint16" if size <= LARGEST["uint16"] else "uint32"
    if dtype not in LARGEST:
        raise UserError(f"dtype: got {dtype!r}; expected uint16 or uint32")
    if size > LARGEST[dtype]:
        raise UserError(f"dtype: a vocabulary of {size} does not fit {dtype} (at most {LARGEST[dtype]}); use uint32")
    return dtype


def _batches(documents: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in documents:
        batch.append(text)
        characters += len(text)
        if characters >= BATCH_CHARACTERS or len(batch) >= BATCH_DOCUMENTS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _write_batch(writer: "_Writer", tokenizer: TextTokenizer, batch: list[str], counts: Counter[str]) -> None:
    ids, lengths = tokenizer.encode_arrays(batch)
    if not tokenizer.lossless:
        texts = tokenizer.decode_batch(np.split(ids, np.cumsum(lengths)[:-1]))
        counts[RESTORED] += sum(decoded == text for decoded, text in zip(texts, batch, strict=True))
    for text, length in zip(batch, lengths.tolist(), strict=True):
        if length:
            writer.bytes += len(text) if text.isascii() else len(text.encode("utf-8"))
            writer.words += len(text.split())
        else:  # white space, which the tokenizer drops
            counts["no_tokens"] += 1
    writer.write(ids, lengths[lengths > 0])


class _Writer:
    """A writer of the token stream into files of at most `shard_tokens` tokens, with a checksum of each."""

    def __init__(self, folder: Path, separator: int | None, dtype: str, shard_tokens: int) -> None:
        self.documents = self.tokens = self.bytes = self.words = 0
        self._folder = folder
        self._separator = separator
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._shard_tokens = shard_tokens
        self._shards: list[dict[str, Any]] = []
        self._ends = (folder / "ends.bin").open("wb")  # one number per document, too many for memory in large corpora
        self._stream: Any = None
        self._digest = hashlib.sha256()
        self._room = 0

    def write(self, ids: np.ndarray, lengths: np.ndarray) -> None:
        """Appends documents, given as their concatenated ids and their lengths."""
        if self._separator is not None:
            ids, lengths = _with_separators(ids, lengths, self._separator)
        (self.tokens + np.cumsum(lengths)).astype("<i8").tofile(self._ends)
        self.documents += len(lengths)
        self.tokens += len(ids)
        ids = ids.astype(self._dtype)
        while len(ids):
            if self._room == 0:
                self._next()
            part, ids = ids[: self._room], ids[self._room :]
            content = part.tobytes()
            self._stream.write(content)
            self._digest.update(content)
            self._room -= len(part)
            self._shards[-1]["tokens"] += len(part)

    def _next(self) -> None:
        self._close()
        name = f"tokens-{len(self._shards):05d}.bin"
        self._shards.append({"file": name, "tokens": 0, "sha256": ""})
        self._stream = (self._folder / name).open("wb")
        self._digest = hashlib.sha256()
        self._room = self._shard_tokens

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._shards[-1]["sha256"] = self._digest.hexdigest()

    def finish(self, vocabulary_size: int, tokenizer_hash: str, counts: Counter[str]) -> Header:
        """Closes all files, writes the document bounds and returns the header."""
        self._close()
        self._ends.close()
        path = self._folder / DOCUMENTS
        bounds = np.lib.format.open_memmap(path, mode="w+", dtype="<i8", shape=(self.documents + 1,))
        bounds[0] = 0
        bounds[1:] = np.memmap(self._folder / "ends.bin", dtype="<i8", mode="r")
        bounds.flush()
        del bounds
        (self._folder / "ends.bin").unlink()
        return Header(
            dtype=self._dtype.name, vocabulary_size=vocabulary_size, tokenizer_hash=tokenizer_hash,
            separator_id=self._separator, documents=self.documents, tokens=self.tokens, bytes=self.bytes,
            words=self.words, shards=self._shards, documents_sha256=sha256_of(path),
            counts={name: int(count) for name, count in sorted(counts.items()) if count or name == RESTORED},
        )  # fmt: skip


def _with_separators(ids: np.ndarray, lengths: np.ndarray, separator: int) -> tuple[np.ndarray, np.ndarray]:
    out = np.full(len(ids) + len(lengths), separator, dtype=np.uint32)
    out[np.arange(len(ids)) + np.repeat(np.arange(len(lengths)), lengths)] = ids
    return out, lengths + 1


def _summary(counts: Counter[str]) -> str:
    listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if count)
    return listed or "none was read"
