"""Share of the words of a text that a tokenizer can represent."""

import numpy as np

from interlace.data.tokenizers import TextTokenizer

# Kinds whose unknown token stands for a whole word; for others it stands for some letters within a word.
WHOLE_WORDS = ("word", "wordpiece")


def word_coverage(ids: np.ndarray, bounds: np.ndarray, tokenizer: TextTokenizer) -> float:
    """Share of running words, 0 to 1, without an unknown token; 1 for a tokenizer that never needs one.

    `ids` (N,) without separators, document d from `bounds[d]` to `bounds[d + 1]`. Words are separated by
    `tokenizer.starts_word`; if the tokenizer has none, each token counts as a word. For a word tokenizer this equals
    `interlace.metrics.language.coverage(words, vocabulary).tokens`.
    """
    if tokenizer.unk_id is None or tokenizer.lossless or not len(ids):
        return 1.0
    unknown = np.asarray(ids) == tokenizer.unk_id
    if tokenizer.starts_word is None:
        return 1.0 - float(unknown.mean())
    starts_word = tokenizer.starts_word.copy()
    starts_word[tokenizer.unk_id] = tokenizer.kind in WHOLE_WORDS
    starts = starts_word[ids]
    starts[bounds[:-1][np.diff(bounds) > 0]] = True
    word = np.cumsum(starts) - 1  # (N,) word of each token
    return 1.0 - len(np.unique(word[unknown])) / float(word[-1] + 1)
