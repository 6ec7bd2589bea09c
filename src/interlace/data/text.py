"""Words to ids."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFC, Lowercase
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import BertPreTokenizer, Split
from tokenizers.pre_tokenizers import Sequence as PreTokenizers
from tokenizers.trainers import WordLevelTrainer

# A flag, or a pictogram with its variants and those that are joined to it.
EMOJI = r"[\x{1f1e6}-\x{1f1ff}]{2}|\p{So}[\p{M}\x{1f3fb}-\x{1f3ff}]*(?:\x{200d}\p{So}[\p{M}\x{1f3fb}-\x{1f3ff}]*)*"
PADDING, UNKNOWN = "[PAD]", "[UNK]"
MOST_WORDS = 2**40  # more than there can be


# Blocks of scripts that put no space between words: Thai, Lao, Burmese, Khmer, New Tai Lue and its kin, Javanese, kana,
# bopomofo, Chinese characters. (Korean and Tibetan mark words or syllables.)
UNSEPARATED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua980-\ua9ff\uaa60-\uaa7f"
    "\u3005-\u3007\u3041-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)


class WordTokenizer:
    """Lower-cased words and punctuation marks to ids; 0 is padding, 1 any word not seen in training.

    With `characters`, each character of a script that puts no space between words (UNSEPARATED), with the marks on it,
    and each emoji is a word. The vocabulary is ordered by frequency, then by spelling, so that it does not depend on
    the order of the texts.
    """

    def __init__(self, words: Sequence[str], *, characters: bool = False) -> None:
        self.words = list(words)
        self.characters = characters
        vocabulary = {word: index for index, word in enumerate([PADDING, UNKNOWN, *self.words])}
        self._tokenizer = _empty(vocabulary, characters)

    @staticmethod
    def train(texts: Iterable[str], max_words: int | None = None, *, characters: bool = False) -> "WordTokenizer":
        """The words of `texts`, at most `max_words` of them."""
        counter = _empty({PADDING: 0, UNKNOWN: 1}, characters)
        most = max_words if max_words is not None else MOST_WORDS
        # Counts words, and orders them by frequency, then by spelling.
        trainer = WordLevelTrainer(vocab_size=most, min_frequency=0, special_tokens=[], show_progress=False)
        counter.train_from_iterator(texts, trainer)
        ids = counter.get_vocab()
        return WordTokenizer(sorted(ids, key=lambda word: ids[word]), characters=characters)

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
        return {"words": self.words, **({"characters": True} if self.characters else {})}

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> "WordTokenizer":
        """The tokenizer whose `state()` this is."""
        return WordTokenizer(state["words"], characters=state.get("characters", False))


def _empty(vocabulary: dict[str, int], characters: bool) -> Tokenizer:
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = Normalizers([NFC(), Lowercase()])
    tokenizer.pre_tokenizer = BertPreTokenizer()  # white space, and every punctuation mark a word of its own
    if characters:
        single = Split(Regex(rf"[{UNSEPARATED}]\p{{M}}*|{EMOJI}"), "isolated")
        tokenizer.pre_tokenizer = PreTokenizers([tokenizer.pre_tokenizer, single])
    return tokenizer
