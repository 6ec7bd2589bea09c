"""Encoding with a cache of words: natural text repeats its words, and a look-up is cheaper than tokenization."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

MAX_WORDS = 1 << 18  # cached words; with more words, or more than MAX_IDS ids, the cache is cleared
MAX_IDS = 1 << 22

# Splits only where every such tokenizer splits, regardless of context; splits that are too coarse do no harm. GPT-2's
# splitting never joins a character with the white space after it. Python, unlike the tokenizers library, treats
# U+001C..1F as white space, so there is no split next to them.
_GPT2 = re.compile(r"\s*\S+(?:[\x1c-\x1f]+\s*\S*)*|\s+")
# For splitting that drops white space (BERT, whitespace, Metaspace): the text between these four characters.
_BETWEEN = re.compile(r"[^ \t\n\r]+")


def pattern_for(content: Mapping[str, Any], kind: str) -> re.Pattern[str] | None:
    """The pattern of words for a tokenizer.json's content; None if no way to split texts is known to be safe."""
    normalizer, splitter = content.get("normalizer"), content.get("pre_tokenizer")
    plain = normalizer is None or normalizer["type"] == "Lowercase"
    if splitter is None or any(not token["special"] for token in content["added_tokens"]):
        return None
    if kind == "bpe":
        # With subword prefixes or suffixes the encoding of a word would depend on its neighbours.
        model = content["model"]
        gpt2 = splitter["type"] == "ByteLevel" and splitter["use_regex"] and not splitter["add_prefix_space"]
        alone = not (model.get("continuing_subword_prefix") or model.get("end_of_word_suffix") or model.get("dropout"))
        return _GPT2 if gpt2 and plain and alone else None
    if kind in ("wordpiece", "word"):
        known = splitter["type"] in ("BertPreTokenizer", "WhitespaceSplit")
        return _BETWEEN if known and (plain or (normalizer or {}).get("type") == "BertNormalizer") else None
    if kind == "unigram":
        return _BETWEEN if _is_our_unigram(normalizer, splitter) else None
    return None


def _is_our_unigram(normalizer: Any, splitter: Any) -> bool:
    steps = [step["type"] for step in (normalizer or {}).get("normalizers", [])]
    cuts = [step["type"] for step in splitter.get("pretokenizers", [])]
    return [s for s in steps if s != "Lowercase"] == ["NFKC", "Replace", "Strip"] and cuts == ["Metaspace", "Split"]


class WordCache:
    """An encoder of texts word by word that calls the tokenizer only for new words. Its memory is bounded."""

    def __init__(self, tokenizer: Tokenizer, pattern: re.Pattern[str]) -> None:
        self._tokenizer = tokenizer
        self._find = pattern.findall
        self._clear()

    def _clear(self) -> None:
        self._number = _Numbers()
        self._ids = np.zeros(0, dtype=np.uint32)  # of all words, concatenated
        self._starts = np.zeros(0, dtype=np.int64)
        self._sizes = np.zeros(0, dtype=np.int64)

    def encode(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The concatenated ids (N,) uint32 of all texts, and the number of ids (len(texts),) int64 of each."""
        if len(self._number) > MAX_WORDS or len(self._ids) > MAX_IDS:
            self._clear()
        words: list[str] = []
        counts = np.zeros(len(texts), dtype=np.int64)
        for row, text in enumerate(texts):
            found = self._find(text)
            words += found
            counts[row] = len(found)
        numbers = np.fromiter(map(self._number.__getitem__, words), dtype=np.int64, count=len(words))
        self._encode_new()
        sizes = self._sizes[numbers]
        ends = np.cumsum(sizes)
        # Position k of the output is the (k - first of its word)-th id of that word.
        where = np.repeat(self._starts[numbers] - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)
        upto = np.concatenate([[0], ends])[np.concatenate([[0], np.cumsum(counts)])]
        return self._ids[where], np.diff(upto)

    def _encode_new(self) -> None:
        """Encodes the words that have a number but no ids yet."""
        new = list(self._number)[len(self._sizes) :] if len(self._number) > len(self._sizes) else []
        if not new:
            return
        rows = [e.ids for e in self._tokenizer.encode_batch_fast(new, add_special_tokens=False)]
        sizes = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        ids = np.fromiter((i for row in rows for i in row), dtype=np.uint32, count=int(sizes.sum()))
        starts = len(self._ids) + np.cumsum(sizes) - sizes
        self._ids = np.concatenate([self._ids, ids])
        self._starts = np.concatenate([self._starts, starts])
        self._sizes = np.concatenate([self._sizes, sizes])


class _Numbers(dict[str, int]):
    """A mapping that numbers words in the order of their first look-up."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number
