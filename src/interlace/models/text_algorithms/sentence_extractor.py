"""A trained sentence extractor: logistic regression on features of sentences."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from interlace.data.sentences import Turn, split_turns
from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.metrics.rouge import rouge_of_words, words
from interlace.models.text_algorithms.extractive import ExtractiveSummarizer
from interlace.models.text_algorithms.inverse_document_frequency import InverseDocumentFrequency, cosines
from interlace.models.text_algorithms.lexrank import lexrank

NUM_FEATURES = 13


class SentenceExtractor(ExtractiveSummarizer):
    """Units ranked by the probability that a greedy summary of the reference's words would take them.

    Labels are those of Nallapati et al. (2017): units are taken one by one as long as each raises ROUGE-1 + ROUGE-2 of
    the reference. Features (`features`) are standardised over the training units; `C` is the inverse strength of the
    penalty |w|^2 / 2 of scikit-learn's logistic regression, whose classes are weighted to balance. Other options as
    `ExtractiveSummarizer`.
    """

    def __init__(
        self,
        *,
        C: Annotated[float, Field(gt=0)],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.C = C
        self.idf = InverseDocumentFrequency()
        self.weights = np.zeros(NUM_FEATURES)
        self.bias = 0.0

    @property
    def num_parameters(self) -> int:
        """Weights, the bias, and words with a document frequency."""
        return NUM_FEATURES + 1 + len(self.idf.counts)

    def learn(self, train: Pairs) -> None:
        """Document frequencies, then the weights; those of standardised features are folded into plain ones."""
        from sklearn.linear_model import LogisticRegression

        self.idf = InverseDocumentFrequency.of(train.sources)
        rows, labels = [], []
        for source, target in zip(train.sources, train.targets, strict=True):
            turns = split_turns(source, self.unit)
            if len(turns) > 1:
                rows.append(self.features(turns))
                labels.append(greedy_labels([turn.text for turn in turns], target))
        if not rows or len(np.unique(np.concatenate(labels))) < 2:
            raise UserError(
                f"model.unit={self.unit}: no training source has several units of which some share words with its "
                "target; choose model.unit=sentence (or line), or model=lead"
            )
        x, y = np.concatenate(rows), np.concatenate(labels)
        center, scale = x.mean(axis=0), x.std(axis=0)
        scale[scale == 0] = 1
        fitted = LogisticRegression(C=self.C, class_weight="balanced", max_iter=1000).fit((x - center) / scale, y)
        self.weights = fitted.coef_[0] / scale
        self.bias = float(fitted.intercept_[0] - center @ self.weights)

    def features(self, turns: Sequence[Turn]) -> np.ndarray:
        """(n, 13): place from the start and from the end, 1 / place, first, last, ln words, mean idf, share of the
        text's words, LexRank x n, cosine with the mean of all, question, number, the first speaker."""
        n = len(turns)
        texts = [turn.text for turn in turns]
        vectors = self.idf.vectors(texts)
        bags = [words(text) for text in texts]
        total = sum(map(len, bags)) or 1
        center = vectors.mean(axis=0)
        norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(center)
        central = np.divide(vectors @ center, norms, out=np.zeros(n), where=norms > 0)
        ranks = lexrank(cosines(vectors), None, 0.15) * n
        rows = [
            (
                place / n,
                (n - 1 - place) / n,
                1 / (1 + place),
                place == 0,
                place == n - 1,
                math.log1p(len(bag)),
                sum(map(self.idf, bag)) / max(1, len(bag)),
                len(bag) / total,
                ranks[place],
                central[place],
                texts[place].rstrip().endswith(("?", "？")),
                any(character.isdigit() for character in texts[place]),
                turns[place].speaker == turns[0].speaker,
            )
            for place, bag in enumerate(bags)
        ]
        return np.array(rows, dtype=np.float64)

    def scores(self, turns: Sequence[Turn]) -> np.ndarray:
        """Log odds of each unit."""
        return np.asarray(self.features(turns) @ self.weights + self.bias)

    def state(self) -> dict[str, Any]:
        """Also the document frequencies, the weights and the bias."""
        return {**super().state(), "idf": vars(self.idf), "weights": self.weights.tolist(), "bias": self.bias}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in a `state`."""
        super().restore(state)
        self.idf = InverseDocumentFrequency(**state["idf"])
        self.weights, self.bias = np.array(state["weights"], dtype=np.float64), float(state["bias"])


def greedy_labels(texts: Sequence[str], reference: str) -> np.ndarray:
    """1 for the texts that a greedy search takes to raise ROUGE-1 + ROUGE-2 (F) of the reference, else 0; (n,)."""
    target, bags = words(reference), [words(text) for text in texts]
    labels = np.zeros(len(texts), dtype=np.int64)
    best = 0.0
    while not labels.all():
        gains = {}
        for index in np.flatnonzero(labels == 0):
            taken = [bag for place, bag in enumerate(bags) if labels[place] or place == index]
            unigram, bigram, _ = rouge_of_words([word for bag in taken for word in bag], target)
            gains[int(index)] = unigram + bigram
        found = max(gains, key=lambda each: gains[each])
        if gains[found] <= best:
            break
        best, labels[found] = gains[found], 1
    return labels
