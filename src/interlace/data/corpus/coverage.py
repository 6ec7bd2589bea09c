"""How many of a text's words a tokenizer can spell."""

import numpy as np

from interlace.data.tokenizers import TextTokenizer

# Kinds whose unknown token stands for a whole word; elsewhere it is a stretch of letters, which the word goes on after.
WHOLE_WORDS = ("word", "wordpiece")


def word_coverage(ids: np.ndarray, bounds: np.ndarray, tokenizer: TextTokenizer) -> float:
    """Share of running words, 0 to 1, that are spelled without the unknown token; 1 where that is never needed.

    `ids` (N,) without separators, document d from `bounds[d]` to `bounds[d + 1]`. Words are told apart by
    `tokenizer.starts_word`; where its pieces do not tell, each is taken for a word. For a tokenizer of words this is
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
    word = np.cumsum(starts) - 1  # (N,): which word a token belongs to
    return 1.0 - len(np.unique(word[unknown])) / float(word[-1] + 1)
