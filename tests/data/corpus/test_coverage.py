"""Coverage from packed ids against coverage counted in the text itself."""

import numpy as np
import pytest

from interlace.data.corpus.coverage import word_coverage
from interlace.data.tokenizers import TextTokenizer
from interlace.metrics.language import coverage

SEEN = ["the cat sat on the mat", "a dog ran home", "the dog sat"] * 30
ASKED = ["the zebra sat on a mat", "", "dog xylophone xylophone", "☃ ran"]


def packed(tokenizer, texts):
    rows = [tokenizer.encode(text) for text in texts]
    return np.concatenate(rows).astype(np.int64), np.cumsum([0, *map(len, rows)])


def trained(kind):
    return TextTokenizer.train(kind, SEEN, {"word": 50, "wordpiece": 80, "unigram": 130, "char": 40}.get(kind))


def test_of_a_tokenizer_of_words_it_is_the_share_of_words_in_the_vocabulary():
    tokenizer = trained("word")
    words = [word for text in ASKED for word in text.split()]
    vocabulary = {tokenizer.token(i) for i in range(len(tokenizer))}
    expected = coverage(words, vocabulary).tokens
    assert expected == pytest.approx(1 - 4 / 11)
    assert word_coverage(*packed(tokenizer, ASKED), tokenizer) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["word", "wordpiece", "unigram", "char"])
def test_a_word_counts_once_however_many_pieces_it_has(kind):
    """☃ is in no vocabulary: two of the seven words hold it, one of them between letters that are known."""
    tokenizer = trained(kind)
    texts = ["the cat sat", "the ☃ on a☃t mat"]
    assert word_coverage(*packed(tokenizer, texts), tokenizer) == pytest.approx(1 - 2 / 8)


def test_what_can_spell_everything_covers_everything():
    tokenizer = trained("byte")
    assert tokenizer.lossless
    assert word_coverage(*packed(tokenizer, ASKED), tokenizer) == 1.0
    assert word_coverage(np.zeros(0, np.int64), np.array([0, 0]), trained("word")) == 1.0
