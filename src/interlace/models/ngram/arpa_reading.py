"""Reading of ARPA files; errors name the line."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from interlace.errors import UserError
from interlace.models.ngram.arpa import MISSING_UNKNOWN, unescaped
from interlace.models.ngram.settings import NgramSettings
from interlace.models.ngram.stream import MAX_ORDER
from interlace.models.ngram.tables import BackoffTables
from interlace.reading.files import open_regular
from interlace.reading.lines import read_line

LINES = 2**16
CHUNK_TOKENS = 4 * 2**20


class _LineError(Exception):
    """Format error in the line being read."""


class _Lines:
    """The lines of a file, with their numbers."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path, self.number, self._stream = path, 0, stream

    def next(self, expected: str) -> bytes:
        """Return the next line without its line end. Raises UserError at the end of the file."""
        line = read_line(self._stream, f"{self.path}, line {self.number + 1}")
        if not line:
            raise self.error(f"the file ends where {expected} was expected", self.number)
        self.number += 1
        return line.rstrip(b"\r\n")

    def next_filled(self, expected: str) -> bytes:
        """Return the next line that is not blank."""
        while not (line := self.next(expected)).strip():
            pass
        return line

    def take(self, count: int) -> list[bytes]:
        """Return up to `count` lines."""
        lines: list[bytes] = []
        while len(lines) < count and (line := read_line(self._stream, f"{self.path}, line {self.number + 1}")):
            lines.append(line.rstrip(b"\r\n"))
            self.number += 1
        return lines

    def error(self, message: str, number: int | None = None) -> UserError:
        """Return an error for line `number`, by default the line last read."""
        line = self.number if number is None else number
        return UserError(f"{self.path}, line {line}: {message}; the file is truncated, damaged or not an ARPA file")


def read_arpa(path: Path, *, escape: bool) -> tuple[NgramSettings, BackoffTables]:
    """Return settings and tables of a word-level model; see `NgramModel.from_arpa`."""
    try:
        with open_regular(path) as stream:
            return _Reader(_Lines(path, stream), escape=escape).read()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); give an ARPA file") from error


class _Reader:
    """Reader of one file. Words are numbered in the order of the unigrams; `<s>` is both an id and the last code."""

    def __init__(self, lines: _Lines, *, escape: bool) -> None:
        self.lines, self.escape = lines, escape
        self.codes: dict[bytes, int] = {}
        self.units: list[str] = []
        self.bos_id = -1

    def read(self) -> tuple[NgramSettings, BackoffTables]:
        sizes = self._header()
        self.order = len(sizes)
        unigrams = self._unigrams(sizes[0])
        self.tables = BackoffTables(len(self.units) + 1, *([part] for part in unigrams))
        for n, size in enumerate(sizes[1:], start=2):
            keys, probs, backoffs = self._ngrams(n, size)
            self.tables.keys.append(keys)
            self.tables.log10_probs.append(probs)
            self.tables.log10_backoffs.append(backoffs)
        del self.tables.log10_backoffs[self.order - 1 :]
        if (line := self.lines.next_filled("\\end\\")) != b"\\end\\":
            raise self.lines.error(f"{_shown(line)} where \\end\\ was expected after the n-grams announced")
        return self._settings(), self.tables

    def _header(self) -> list[int]:
        while (line := self.lines.next_filled("\\data\\")) != b"\\data\\":
            if not line.startswith(b"#"):
                raise self.lines.error(f"{_shown(line)} where \\data\\ was expected")
        sizes: list[int] = []
        while line := self.lines.next("'ngram 1=...'").strip():
            match = re.fullmatch(rb"ngram\s+(\d+)\s*=\s*(\d+)", line)
            if not match or int(match[1]) != len(sizes) + 1:
                raise self.lines.error(f"{_shown(line)} where 'ngram {len(sizes) + 1}=<count>' was expected")
            sizes.append(int(match[2]))
        if not 1 <= len(sizes) <= MAX_ORDER:
            raise self.lines.error(f"a model of order {len(sizes)}, where 1 to {MAX_ORDER} is supported")
        return sizes

    def _section(self, n: int, size: int) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the n-gram lines of order n in blocks, each with the number of its first line."""
        title = f"\\{n}-grams:"
        if (line := self.lines.next_filled(title)) != title.encode():
            raise self.lines.error(f"{_shown(line)} where {title} was expected, as the header announced no more lines")
        while size:
            first, block = self.lines.number + 1, self.lines.take(min(size, LINES))
            if not block:
                raise self.lines.error(f"the file ends where {size} more {n}-grams were expected", first - 1)
            yield first, block
            size -= len(block)

    def _unigrams(self, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        probs, backoffs = [], []
        for first, block in self._section(1, size):
            for number, line in enumerate(block, start=first):
                try:
                    (word,), prob, backoff = self._fields(line, 1)
                    self._add_word(word)
                except _LineError as error:
                    raise self.lines.error(str(error), number) from None
                probs.append(prob)
                backoffs.append(backoff)
        for needed in (b"<s>", b"</s>"):
            if needed not in self.codes:
                raise self.lines.error(f"the unigrams up to this line lack {needed.decode()}")
        if b"<unk>" not in self.codes:
            warnings.warn(
                f"{self.lines.path}: no <unk>; unknown words get log10 p {MISSING_UNKNOWN:g}, as in KenLM",
                stacklevel=4,
            )
            self._add_word(b"<unk>")
            probs.append(MISSING_UNKNOWN)
            backoffs.append(0.0)
        self.bos_id = self.codes[b"<s>"]
        self.codes[b"<s>"] = len(self.units)
        start = backoffs[self.bos_id]
        probs[self.bos_id], backoffs[self.bos_id] = -np.inf, 0.0
        keys = np.arange(len(self.units) + 1, dtype=np.int64)
        return keys, np.array([*probs, 0.0], dtype=np.float32), np.array([*backoffs, start], dtype=np.float32)

    def _add_word(self, word: bytes) -> None:
        if word in self.codes:
            raise _LineError(f"the unigram {_shown(word)} is a duplicate")
        try:
            name = word.decode("utf-8")
        except UnicodeDecodeError:
            raise _LineError(f"the word {word!r} is not UTF-8") from None
        self.codes[word] = len(self.units)
        self.units.append(unescaped(name) if self.escape else name)

    def _fields(self, line: bytes, n: int) -> tuple[list[bytes], float, float]:
        """Return words, log10 p and log10 backoff of a line `p<tab>words[<tab>backoff]`."""
        fields = line.split(b"\t")
        words = fields[1].split(b" ") if len(fields) > 1 else []
        if not 2 <= len(fields) <= 3 or len(words) != n or not all(words):
            raise _LineError(f"{_shown(line)}; expected log10 p, tab, {n} word(s) and optionally tab and a backoff")
        try:
            prob, backoff = float(fields[0]), float(fields[2]) if len(fields) == 3 else 0.0
        except ValueError:
            raise _LineError(f"{_shown(line)}: log10 p or backoff is not a number") from None
        if not prob <= 0 or not abs(backoff) < np.inf or (backoff and n == self.order):
            raise _LineError(
                f"{_shown(line)}: log10 p must be at most 0, the backoff finite and 0 in the highest order"
            )
        return words, prob, backoff

    def _ngrams(self, n: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        keys, probs, backoffs = [], [], []
        start = 0
        for first, block in self._section(n, size):
            words = np.empty((len(block), n), dtype=np.int64)
            for row, line in enumerate(block):
                try:
                    names, prob, backoff = self._fields(line, n)
                    words[row] = [self.codes[name] for name in names]
                except _LineError as error:
                    raise self.lines.error(str(error), first + row) from None
                except KeyError as error:
                    raise self.lines.error(f"the word {_shown(error.args[0])} is not a unigram", first + row) from None
                probs.append(prob)
                backoffs.append(backoff)
            keys.append(self._packed(words, first))
            start = start or first
        joined = np.concatenate(keys) if keys else np.empty(0, dtype=np.int64)
        by_key = np.argsort(joined, kind="stable")
        joined = joined[by_key]
        again = np.flatnonzero(joined[1:] == joined[:-1])
        if len(again):
            raise self.lines.error(f"this {n}-gram is a duplicate", start + int(by_key[again[0] + 1]))
        return joined, np.array(probs, dtype=np.float32)[by_key], np.array(backoffs, dtype=np.float32)[by_key]

    def _packed(self, words: np.ndarray, first: int) -> np.ndarray:
        """Return the keys of n-grams (M, n). Raises UserError if a context is missing."""
        index = words[:, 0]
        for n in range(2, words.shape[1]):
            index = self.tables.find(n, index, words[:, n - 1])
        lost = np.flatnonzero(index < 0)
        if len(lost):
            raise self.lines.error("the first words of this n-gram are not an n-gram themselves", first + int(lost[0]))
        return index * self.tables.base + words[:, -1]

    def _settings(self) -> NgramSettings:
        return NgramSettings(
            order=self.order,
            discount_fallback=None,
            prune=(0,),
            chunk_tokens=CHUNK_TOKENS,
            vocabulary_size=len(self.units),
            eos_id=self.codes[b"</s>"],
            bos_id=self.bos_id,
            unk_id=self.codes[b"<unk>"],
            excluded_ids=(),
            units=tuple(self.units),
        )


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", errors="replace")
    return repr(text if len(text) <= 60 else text[:57] + "...")
