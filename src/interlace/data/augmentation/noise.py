"""Noise on single words: dropping them, and replacing them by random draws."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.augmentation.base import Texts, WordAugmentation

Probability = Annotated[float, Field(gt=0, le=1)]


class WordDropout(WordAugmentation):
    """Word dropout: every word is removed with `probability`, but at least one is kept (Iyyer et al. 2015, section
    3.1). With `mask`, words are replaced by it instead (blank noising of Xie et al. 2017, with "_").
    """

    def __init__(
        self,
        *,
        probability: Probability,
        mask: str | None,
        num_copies: Annotated[int, Field(ge=0)],
        every_epoch: bool,
    ) -> None:
        super().__init__(num_copies=num_copies, every_epoch=every_epoch)
        self.probability = probability
        self.mask = mask

    def change(self, words: list[str], rng: np.random.Generator) -> list[str]:
        dropped = rng.random(len(words)) < self.probability
        if self.mask is not None:
            return [self.mask if drop else word for word, drop in zip(words, dropped, strict=True)]
        kept = [word for word, drop in zip(words, dropped, strict=True) if not drop]
        return kept or [words[int(rng.integers(len(words)))]]

    def arguments(self) -> Mapping[str, Any]:
        settings = {"probability": self.probability, "mask": self.mask}
        return {"method": "word_dropout", **settings, "num_copies": self.num_copies, "every_epoch": self.every_epoch}


class WordNoise(WordAugmentation):
    """Replacement of words by draws from the training texts: noising as smoothing (Xie et al. 2017, sections 3.2, 3.3).

    "unigram": each word is replaced with probability gamma, by a draw from the unigram frequencies. "kneser_ney": word
    i is replaced with probability gamma N1+(x_{i-1} *) / c(x_{i-1}), which is larger after words with many distinct
    successors, by a draw in proportion to N1+(* x), the number of distinct words before x. The first word of a text
    follows a start symbol.
    """

    def __init__(
        self,
        *,
        gamma: Probability,
        smoothing: Literal["unigram", "kneser_ney"],
        num_copies: Annotated[int, Field(ge=0)],
        every_epoch: bool,
    ) -> None:
        super().__init__(num_copies=num_copies, every_epoch=every_epoch)
        self.gamma = gamma
        self.smoothing = smoothing

    def learn(self, texts: Sequence[Texts]) -> None:
        sentences = [text.split() for row in texts for text in row]
        counts = Counter(word for words in sentences for word in words)
        pairs = {pair for words in sentences for pair in zip(["", *words], words, strict=False)}
        starts = Counter(first for first, _ in pairs)  # N1+(x *)
        ends = Counter(second for _, second in pairs)  # N1+(* x)
        weights = counts if self.smoothing == "unigram" else ends
        self.words = sorted(weights, key=lambda word: (-weights[word], word))
        total = np.cumsum([weights[word] for word in self.words], dtype=np.float64)
        self.cumulative = total / total[-1]
        occurrences = counts + Counter({"": len(sentences)})
        self.diversity = {word: starts[word] / number for word, number in occurrences.items()}

    def probabilities(self, words: Sequence[str]) -> np.ndarray:
        """Probability (l,) of each word to be replaced."""
        if self.smoothing == "unigram":
            return np.full(len(words), self.gamma)
        return self.gamma * np.asarray([self.diversity.get(word, 1.0) for word in ["", *words[:-1]]])

    def change(self, words: list[str], rng: np.random.Generator) -> list[str]:
        replaced = rng.random(len(words)) < self.probabilities(words)
        drawn = np.searchsorted(self.cumulative, rng.random(len(words)), side="right")
        return [self.words[d] if r else word for word, r, d in zip(words, replaced, drawn, strict=True)]

    def arguments(self) -> Mapping[str, Any]:
        settings = {"gamma": self.gamma, "smoothing": self.smoothing}
        return {"method": "word_noise", **settings, "num_copies": self.num_copies, "every_epoch": self.every_epoch}
