"""Short answers from the passages that an index finds, with their sources, or none."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.metrics.answers import exact_match
from interlace.models.best_sentence import BestSentence, words_of
from interlace.models.text_algorithm import Answer, TextAlgorithm
from interlace.retrieval.hits import NOTHING
from interlace.retrieval.loading import load_index_of

WEIGHTS = [step / 10 for step in range(11)]  # of the reader that are tried on validation
Probability = Annotated[float, Field(ge=0, le=1)]
Reader = Callable[[Sequence[tuple[str, str]]], list[tuple[str, float]]]


class Candidate(NamedTuple):
    """An answer in a passage (its row), and the scores of the reader and of the index."""

    text: str
    row: int
    reading: float
    ranking: float


class Best(NamedTuple):
    """The answer to a question, its score, and the passages that were read, that of the answer first; "" and
    `NOT_FOUND` where no passage answers."""

    text: str
    score: float
    rows: list[int]


NOT_FOUND = -1e6  # below every score of an answer


class RetrievedAnswer(TextAlgorithm):
    """The best answer in the passages that are found for a question, with its source.

    `index`: the run of a retrieval experiment, of whose index the first `depth` passages are read. Without `reader`
    the answer is the first name or number in the sentence that shares most with the question: a sentence scores the
    weight of the words that it shares with the question over that of all its words (`BestSentence`), and an earlier
    passage wins a tie. With `reader`, the run of a task `span`, each passage gives a span with a score, and the answer
    is that with the highest w (reader's score) + (1 - w) (index's score) (BERTserini, Yang et al. 2019), both divided
    by their standard deviations on validation, w of 0, 0.1, ..., 1 by the exact match there, of equal ones the first.

    The score of the answer is calibrated on the validation questions: isotonic regression (Zadrozny and Elkan 2002)
    gives the probability that the answer is exactly right, which is the answer's confidence. Below `min_probability`
    the answer is `unknown`; of several that with the best exact match on validation is taken, of equal ones the first,
    which withholds answers only where `unknown` may be right. `open_reader` opens the run `reader`.
    """

    gives_probabilities = True

    def __init__(
        self,
        *,
        index: str,
        reader: str | None,
        depth: Annotated[int, Field(ge=1, le=100)],
        min_probability: Probability | Annotated[list[Probability], Field(min_length=1)],
        unknown: str,
        open_reader: Callable[[Path], Reader],
    ) -> None:
        super().__init__()
        self.index_directory, self.depth, self.unknown = Path(index), depth, unknown
        self.offered = [min_probability] if isinstance(min_probability, float | int) else list(min_probability)
        self.min_probability = float(self.offered[0])
        self.trained_reader = None if reader is None else open_reader(Path(reader).expanduser())
        self.index = load_index_of(self.index_directory)
        self.sentences = BestSentence(answer="name_or_number")
        texts = self.index.collection.texts
        self.sentences.counts = Counter(word for text in texts for word in words_of(text))
        self.sentences.num_contexts = len(texts)
        self.scores: list[float] = []
        self.probabilities: list[float] = []
        self.scales = (1.0, 0.0)  # of the scores of the reader and of the index

    @property
    def num_parameters(self) -> int:
        """Steps of the calibration."""
        return len(self.scores)

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Choose the weight of the reader, and calibrate the scores, on the validation questions."""
        from sklearn.isotonic import IsotonicRegression

        candidates = self._candidates(val.sources)
        if self.trained_reader is not None:
            self._choose_scales(candidates, val.references)
        found = [self._best(each) for each in candidates]
        curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        texts = [each.text for each in found]
        curve.fit(np.array([each.score for each in found]), _right(texts, val.references))
        self.scores, self.probabilities = curve.X_thresholds_.tolist(), curve.y_thresholds_.tolist()
        calibrated = self._calibrated(found)
        right = []
        for least in self.offered:
            self.min_probability = float(least)
            told = [self._told(best, p) for best, p in zip(found, calibrated, strict=True)]
            right.append(_right(told, val.references).mean())
        self.min_probability = float(self.offered[int(np.argmax(right))])
        if len(self.offered) > 1:
            self.chosen["min_probability"] = self.min_probability
        self.chosen["answered"] = float(np.mean([p >= self.min_probability for p in calibrated]))

    def _told(self, best: Best, probability: float) -> str:
        return best.text if best.text and probability >= self.min_probability else self.unknown

    def _choose_scales(self, candidates: Sequence[Sequence[Candidate]], references: Sequence[Sequence[str]]) -> None:
        values = np.array([(each.reading, each.ranking) for found in candidates for each in found]).reshape(-1, 2)
        reading, ranking = (float(column.std()) or 1.0 for column in values.T) if len(values) else (1.0, 1.0)
        best = -1.0
        for weight in WEIGHTS:
            before, self.scales = self.scales, (weight / reading, (1 - weight) / ranking)
            right = float(_right([self._best(each).text for each in candidates], references).mean())
            if right > best:
                best, self.chosen = right, {"weight_of_reader": weight}
            else:
                self.scales = before

    def _calibrated(self, found: Sequence[Best]) -> list[float]:
        return [float(p) for p in np.interp([each.score for each in found], self.scores, self.probabilities)]

    def _candidates(self, questions: Sequence[str]) -> list[list[Candidate]]:
        """Return the answer in each passage that is found for each question, in the order of the index."""
        texts = self.index.collection.texts
        hits = self.index.retriever.search(questions, self.depth)
        held = [
            [(row, score) for row, score in zip(rows, scores, strict=True) if row != NOTHING and texts[row].strip()]
            for rows, scores in zip(hits.rows.tolist(), hits.scores.tolist(), strict=True)
        ]
        pairs = [(question, texts[row]) for question, each in zip(questions, held, strict=True) for row, _ in each]
        read = iter(self._by_sentences(pairs) if self.trained_reader is None else self.trained_reader(pairs))
        found = []
        for each in held:
            answers = [next(read) for _ in each]
            found.append([
                Candidate(text, row, reading, ranking)
                for (text, reading), (row, ranking) in zip(answers, each, strict=True)
            ])  # fmt: skip
        return found

    def _by_sentences(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, float]]:
        found = []
        for question, text in pairs:
            start, end, weight = self.sentences.answer(question, text)
            total = self.sentences.weight_of(words_of(question))
            found.append((text[start:end], weight / total if total > 0 else 0.0))
        return found

    def _best(self, candidates: Sequence[Candidate]) -> Best:
        rows = [each.row for each in candidates]
        scored = [
            (self.scales[0] * each.reading + self.scales[1] * each.ranking, each) for each in candidates if each.text
        ]
        if not scored:
            return Best("", NOT_FOUND, rows)
        score, best = max(scored, key=lambda each: each[0])  # of equal ones the first
        return Best(best.text, score, sorted(rows, key=lambda row: row != best.row))

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """An answer with "sources", the passages that were read (id, title, text), that of the answer first."""
        if not self.scores:
            raise UserError("model=retrieved_answer: it is not calibrated; train the run again")
        found = [self._best(each) for each in self._candidates(sources)]
        held = self.index.collection
        return [
            Answer(
                self._told(best, probability),
                probability,
                {"sources": [{"id": held.ids[r], "title": held.titles[r], "text": held.texts[r]} for r in best.rows]},
            )
            for best, probability in zip(found, self._calibrated(found), strict=True)
        ]

    def state(self) -> dict[str, Any]:
        """Return the calibration; index and reader stay in their runs."""
        calibration = {"scores": self.scores, "probabilities": self.probabilities}
        return {**calibration, "threshold": self.min_probability, "scales": self.scales}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in a `state`."""
        self.scores, self.probabilities = ([float(x) for x in state[name]] for name in ("scores", "probabilities"))
        self.scales = (float(state["scales"][0]), float(state["scales"][1]))
        self.min_probability = float(state["threshold"])


def _right(texts: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """Return the exact match (N,) of answers."""
    return np.array([
        max(exact_match(text, each) for each in given) for text, given in zip(texts, references, strict=True)
    ])  # fmt: skip
