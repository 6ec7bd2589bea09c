"""A regressor of sentence chrF from source and translation, trained on references with known edits."""

import math
from collections.abc import Sequence

import numpy as np

from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.metrics.edits import tokens
from interlace.metrics.text import sentence_chrf

MOST_EDITS = 10


class QualityRegressor:
    """Ridge regression of sentence chrF on `features` of source and translation, without a reference.

    The last `edited` training pairs are its examples: each reference gets 0 to 10 known edits (a word is left out,
    replaced or added, or two neighbours are exchanged; new words are drawn from all training words), and its chrF
    with the reference is the label. Word translations (IBM Model 1) and a trigram model come from the other pairs.
    """

    def __init__(self, train: Pairs, edited: int, seed: int) -> None:
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from interlace.models.ngram.text import from_text
        from interlace.models.text_algorithms.ibm1 import WordTranslation

        if len(train) < edited + 2:
            raise UserError(
                f"task.edited: {edited} of {len(train)} training pairs would be edited, and word translations come "
                f"from the others; lower it, such as task.edited={len(train) // 4}"
            )
        known, held = train.take(range(len(train) - edited)), train.take(range(len(train) - edited, len(train)))
        sources, targets = ([_words(text) for text in side] for side in (known.sources, known.targets))
        self.translation = WordTranslation(sources, targets)
        self.model = from_text((" ".join(words) for words in targets), 3, special_words="skip")
        self.ratio = sum(map(len, targets)) / max(1, sum(map(len, sources)))
        pool = [word for words in targets for word in words]
        draw = np.random.default_rng(seed)
        made = [with_edits(text, int(draw.integers(MOST_EDITS + 1)), pool, draw) for text in held.targets]
        labels = sentence_chrf(made, held.references)
        self._ridge = make_pipeline(StandardScaler(), Ridge(alpha=1.0)).fit(self.features(held.sources, made), labels)

    def features(self, sources: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Return (N, 7): mean and least word translation score, trigram ln p a word, log length ratio and its absolute
        value, shares of unknown and of repeated words."""
        rows = []
        for source, text in zip(sources, texts, strict=True):
            words, given = _words(text), _words(source)
            scores = self.translation.word_scores(given, words) if words else np.array([math.log(1e-7)])
            fluency = self.model.score([self.model.encode(" ".join(words))])[0].mean()
            length = math.log((len(words) + 1) / (self.ratio * len(given) + 1))
            unknown = sum(word not in self.translation.target_ids for word in words) / max(1, len(words))
            repeated = 1 - len(set(words)) / max(1, len(words))
            rows.append((scores.mean(), scores.min(), fluency, length, abs(length), unknown, repeated))
        return np.array(rows, dtype=np.float64).reshape(-1, 7)

    def __call__(self, sources: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Return the estimated sentence chrF (N,)."""
        return np.asarray(self._ridge.predict(self.features(sources, texts)))


def with_edits(text: str, number: int, pool: Sequence[str], draw: np.random.Generator) -> str:
    """Return a text with `number` edits of single words; one word at least is left."""
    words = text.split()
    for kind in draw.integers(4, size=number):
        at, new = int(draw.integers(len(words))), pool[int(draw.integers(len(pool)))]
        if kind == 0 and len(words) > 1:
            del words[at]
        elif kind == 1:
            words[at] = new
        elif kind == 2:
            words.insert(at, new)
        elif at + 1 < len(words):
            words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def _words(text: str) -> list[str]:
    return [token.lower() for token in tokens(text)]
