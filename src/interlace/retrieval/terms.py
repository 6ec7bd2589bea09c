"""Terms of a text for BM25: words, character bigrams where words are not separated, or n-grams of characters."""

import re
import unicodedata
from typing import Literal

Terms = Literal["words", "ngrams"]
NGRAM = 4
# Scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, Han (with its extensions B to H).
UNSEPARATED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"
)
WORD = re.compile(r"\w+")
# A combining mark belongs to the character before it, as Thai vowels do.
RUN = re.compile(f"[{UNSEPARATED}]+|[^{UNSEPARATED}]+")
HAS_RUN = re.compile(f"[{UNSEPARATED}]")


def split_terms(text: str, terms: Terms) -> list[str]:
    """Terms of a text, in lower case and Unicode's composed form (NFKC), with repetitions.

    "words": runs of letters, digits and underscores; runs of scripts without spaces give their overlapping bigrams of
    characters (one character alone gives itself). "ngrams": for each word, the overlapping n-grams of 4 characters of
    "^word$", which also match inflected and compound words; shorter words are one term.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        if HAS_RUN.search(text) or terms != "words":
            return [term for word in _words(text.lower()) for term in _terms(word, terms)]
    words: list[str] = WORD.findall(text.lower())
    return words if terms == "words" else [term for word in words for term in _terms(word, terms)]


def _words(text: str) -> list[str]:
    """Words and runs of unseparated scripts; marks inside such a run, which no word character is, stay in it."""
    found: list[str] = []
    for run in RUN.findall(text):
        found += [run] if HAS_RUN.match(run) else WORD.findall(run)
    return found


def _terms(word: str, terms: Terms) -> list[str]:
    if HAS_RUN.match(word):
        return [word[i : i + 2] for i in range(max(1, len(word) - 1))]
    if terms == "words":
        return [word]
    marked = f"^{word}$"
    return [marked[i : i + NGRAM] for i in range(max(1, len(marked) - NGRAM + 1))]
