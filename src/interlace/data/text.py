"""Words to ids."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFC, Lowercase
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.trainers import WordLevelTrainer

PADDING, UNKNOWN = "[PAD]", "[UNK]"
MOST_WORDS = 2**40  # more than there can be


class WordTokenizer:
    """Lower-cased words and punctuation marks to ids; 0 is padding, 1 any word not seen in training.

    The vocabulary is ordered by frequency, then by spelling, so that it does not depend on the order of the texts.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        vocabulary = {word: index for index, word in enumerate([PADDING, UNKNOWN, *self.words])}
        self._tokenizer = _empty(vocabulary)

    @staticmethod
    def train(texts: Iterable[str], max_words: int | None = None) -> "WordTokenizer":
        """The words of `texts`, at most `max_words` of them."""
        counter = _empty({PADDING: 0, UNKNOWN: 1})
        most = max_words if max_words is not None else MOST_WORDS
        # Counts words, and orders them by frequency, then by spelling.
        trainer = WordLevelTrainer(vocab_size=most, min_frequency=0, special_tokens=[], show_progress=False)
        counter.train_from_iterator(texts, trainer)
        ids = counter.get_vocab()
        return WordTokenizer(sorted(ids, key=lambda word: ids[word]))

    def __len__(self) -> int:
        return len(self.words) + 2

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without padding."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of many texts, without padding."""
        return [e.ids for e in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def encode_all(self, texts: Sequence[str], width: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids (N, width) int64 padded with 0, and the number of real ones (N,); longer texts are cut."""
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        x = np.zeros((len(encoded), width), dtype=np.int64)
        length = np.zeros(len(encoded), dtype=np.int64)
        for row, encoding in enumerate(encoded):
            ids = encoding.ids[:width]
            x[row, : len(ids)] = ids
            length[row] = len(ids)
        return x, length

    def decode(self, ids: Iterable[int]) -> str:
        """Words of ids, with single spaces; padding is left out."""
        words = [PADDING, UNKNOWN, *self.words]
        return " ".join(words[int(i)] for i in ids if int(i) != 0)

    def state(self) -> dict[str, Any]:
        """The vocabulary as plain JSON."""
        return {"words": self.words}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> "WordTokenizer":
        """The tokenizer whose `state()` this is."""
        return WordTokenizer(state["words"])


def _empty(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = Normalizers([NFC(), Lowercase()])
    tokenizer.pre_tokenizer = BertPreTokenizer()  # white space, and every punctuation mark a word of its own
    return tokenizer
