"""Words of plain text as lmplz splits them: lines of UTF-8, split at space, tab, carriage return and NUL only.

Unlike `str.split`, other white space of Unicode (no-break space, U+2028, form feed) is part of a word.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from interlace.errors import UserError

SpecialWords = Literal["refuse", "skip", "count"]
SPECIAL_WORDS = ("<unk>", "<s>", "</s>")  # in this order they have the ids 0, 1, 2
UNKNOWN, START, END = range(3)
_EMPTY, _NEWLINE = -1, -2
_BLANKS = bytes.maketrans(b"\0\t\r", b"   ")


def split_words(line: str) -> list[str]:
    """Return the words of one line."""
    return [word for word in line.translate({0: " ", 9: " ", 10: " ", 13: " "}).split(" ") if word]


@dataclass(frozen=True)
class WordCorpus:
    """Token ids (N,) int32, document bounds (D + 1,) int64, and the words by id, the special ones first."""

    token_ids: np.ndarray
    document_bounds: np.ndarray
    words: list[str]


def read_corpus(blocks: Iterable[bytes], source: str, special_words: SpecialWords) -> WordCorpus:
    """Number the words of blocks of complete lines by first occurrence.

    Blank lines are empty documents. special_words: treatment of `<unk>`, `<s>` and `</s>` in the text: refuse them
    (UserError), skip them like blanks (`lmplz --skip_symbols`), or count `<unk>` as a word and refuse the other two.
    The memory in addition to the result is about 200 bytes per token of one block.
    """
    ids: dict[bytes, int] = {word.encode(): index for index, word in enumerate(SPECIAL_WORDS)}
    num_words = len(ids)
    ids |= {b"": _EMPTY, b"\n": _NEWLINE}
    tokens, bounds, num_tokens, num_lines = [], [np.zeros(1, dtype=np.int64)], 0, 0
    for block in blocks:
        parts = block.translate(_BLANKS).replace(b"\n", b" \n ").split(b" ")
        for word in dict.fromkeys(parts):
            if word not in ids:
                ids[word] = num_words
                num_words += 1
        codes = np.fromiter(map(ids.__getitem__, parts), dtype=np.int32, count=len(parts))
        codes = codes[codes != _EMPTY]
        codes = _without_special(codes, source, num_lines, special_words)
        ends = np.flatnonzero(codes == _NEWLINE)
        bounds.append(ends - np.arange(len(ends)) + num_tokens)
        tokens.append(codes[codes >= 0])
        num_tokens, num_lines = num_tokens + len(tokens[-1]), num_lines + len(ends)
    words = [_decoded(word, source) for word, index in ids.items() if index >= 0]
    empty = [np.empty(0, dtype=np.int32)]
    return WordCorpus(np.concatenate(tokens or empty), np.concatenate(bounds), words)


def _without_special(codes: np.ndarray, source: str, lines_before: int, special_words: SpecialWords) -> np.ndarray:
    special = (codes >= 0) & (codes <= END)
    if special_words == "skip":
        return codes[~special]
    if special_words == "count":
        special &= codes != UNKNOWN
    at = np.flatnonzero(special)
    if len(at):
        line = lines_before + int((codes[: at[0]] == _NEWLINE).sum()) + 1
        word = SPECIAL_WORDS[codes[at[0]]]
        remedy = "special_words='count' counts it as a word, 'skip' skips it" if word == "<unk>" else "remove it"
        raise UserError(f"{source}, line {line}: the text contains the special word {word}; {remedy}")
    return codes


def _decoded(word: bytes, source: str) -> str:
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{source}: the word {word!r} is not UTF-8; convert the text to UTF-8 first") from error


def blocks_of_lines(lines: Iterable[str], lines_per_block: int = 65536) -> Iterator[bytes]:
    """Yield lines, each with or without its line end, as blocks of bytes."""
    block: list[str] = []
    for line in lines:
        block.append(line.rstrip("\n").replace("\n", " "))
        if len(block) == lines_per_block:
            yield ("\n".join(block) + "\n").encode()
            block = []
    if block:
        yield ("\n".join(block) + "\n").encode()
