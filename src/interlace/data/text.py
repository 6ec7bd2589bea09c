"""Tokenization into words."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFC, Lowercase
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import BertPreTokenizer, Split
from tokenizers.pre_tokenizers import Sequence as PreTokenizers

# A flag, or a pictogram with its variation marks and the pictograms joined to it.
EMOJI = r"[\x{1f1e6}-\x{1f1ff}]{2}|\p{So}[\p{M}\x{1f3fb}-\x{1f3ff}]*(?:\x{200d}\p{So}[\p{M}\x{1f3fb}-\x{1f3ff}]*)*"
PADDING, UNKNOWN = "[PAD]", "[UNK]"


# Blocks of scripts without spaces between words: Thai, Lao, Burmese, Khmer, New Tai Lue and related scripts, Javanese,
# kana, bopomofo, Chinese characters. (Korean and Tibetan mark words or syllables.)
UNSEPARATED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua980-\ua9ff\uaa60-\uaa7f"
    "\u3005-\u3007\u3041-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)

# Characters of most European texts, for which a regular expression gives the same words as the tokenizer of `_empty`
# in a fraction of the time. It excludes combining marks (NFC), letters whose lower case depends on context, and emoji.
PLAIN = re.compile("[\x00-\xa5\xa7\xa8\xaa-\xad\xaf\xb1-\u017f\u0400-\u045f\u2010-\u2027\u2030-\u203f\u20ac]*")
MARKS = "!-/:-@\\[-`{-~\xa1\xa7\xab\xb6\xb7\xbb\xbf\u2010-\u2027\u2030-\u203f"
WORDS = re.compile(f"[{MARKS}]|[^{MARKS}\t-\r \x85\xa0]+")


class WordTokenizer:
    """Tokenizer of lower-cased words and punctuation marks; id 0 is padding, 1 any word not seen in training.

    With `characters`, each emoji and each character (with its marks) of a script without spaces between words
    (UNSEPARATED) is a word. The vocabulary is ordered by frequency, then by spelling, so that it does not depend on the
    order of the texts.
    """

    def __init__(self, words: Sequence[str], *, characters: bool = False) -> None:
        self.words = list(words)
        self.characters = characters
        self._ids = {word: index for index, word in enumerate([PADDING, UNKNOWN, *self.words])}
        self._tokenizer = _empty(self._ids, characters)

    @staticmethod
    def train(texts: Iterable[str], max_words: int | None = None, *, characters: bool = False) -> "WordTokenizer":
        """Builds a tokenizer with the words of `texts`, at most the `max_words` most frequent."""
        splitter = _empty({PADDING: 0, UNKNOWN: 1}, characters)
        counts: Counter[str] = Counter()
        for text in texts:
            words = _plain_words(text)
            if words is None:
                normalized = splitter.normalizer.normalize_str(text)
                words = [word for word, _ in splitter.pre_tokenizer.pre_tokenize_str(normalized)]
            counts.update(words)
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        return WordTokenizer(ordered[:max_words], characters=characters)

    def __len__(self) -> int:
        return len(self.words) + 2

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without padding."""
        words = _plain_words(text)
        if words is not None:
            return [self._ids.get(word, 1) for word in words]
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of many texts, without padding."""
        plain = [_plain_words(text) for text in texts]
        others = [text for text, words in zip(texts, plain, strict=True) if words is None]
        encoded = iter(self._tokenizer.encode_batch_fast(others, add_special_tokens=False) if others else ())
        return [next(encoded).ids if words is None else [self._ids.get(word, 1) for word in words] for words in plain]

    def encode_all(self, texts: Sequence[str], width: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids (N, width) int64 padded with 0, and lengths (N,); longer texts are cut."""
        encoded = self.encode_batch(texts)
        x = np.zeros((len(encoded), width), dtype=np.int64)
        length = np.zeros(len(encoded), dtype=np.int64)
        for row, found in enumerate(encoded):
            ids = found[:width]
            x[row, : len(ids)] = ids
            length[row] = len(ids)
        return x, length

    def decode(self, ids: Iterable[int]) -> str:
        """The words of ids, separated by single spaces, without padding."""
        words = [PADDING, UNKNOWN, *self.words]
        return " ".join(words[int(i)] for i in ids if int(i) != 0)

    def state(self) -> dict[str, Any]:
        """The vocabulary as plain JSON."""
        return {"words": self.words, **({"characters": True} if self.characters else {})}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> "WordTokenizer":
        """Restores a tokenizer from its `state()`."""
        return WordTokenizer(state["words"], characters=state.get("characters", False))


def _plain_words(text: str) -> list[str] | None:
    """The words of a text of PLAIN characters; None for other texts."""
    return WORDS.findall(text.lower()) if text.isascii() or PLAIN.fullmatch(text) else None


def _empty(vocabulary: dict[str, int], characters: bool) -> Tokenizer:
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = Normalizers([NFC(), Lowercase()])
    tokenizer.pre_tokenizer = BertPreTokenizer()  # splits at white space and makes every punctuation mark a word
    if characters:
        single = Split(Regex(rf"[{UNSEPARATED}]\p{{M}}*|{EMOJI}"), "isolated")
        tokenizer.pre_tokenizer = PreTokenizers([tokenizer.pre_tokenizer, single])
    return tokenizer
