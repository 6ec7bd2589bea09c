"""Short answers from the passages that an index finds, with their sources, or none."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from interlace.data.text_pairs import Pairs
from interlace.errors import UserError
from interlace.metrics.answers import exact_match
from interlace.models.best_sentence import BestSentence, words_of
from interlace.models.text_algorithm import Answer, TextAlgorithm
from interlace.models.text_algorithms.state import read_state, write_state
from interlace.retrieval.hits import NOTHING
from interlace.retrieval.loading import load_index_of

UNKNOWN = "I do not know"
STATE = ("scores", "probabilities", "threshold")


class RetrievedAnswer(TextAlgorithm):
    """The first name or number in the sentence that shares most with the question, among the passages found for it.

    `index`: the run of a retrieval experiment, of whose index the first `depth` passages are read. A sentence scores
    the weight of the words that it shares with the question over that of all its words (`BestSentence`); an earlier
    passage wins a tie. That score is calibrated on the validation questions: isotonic regression (Zadrozny and Elkan
    2002) gives the probability that the answer is exactly right, which is the answer's confidence. Below
    `min_probability` the answer is "I do not know".
    """

    def __init__(
        self,
        *,
        index: str,
        depth: Annotated[int, Field(ge=1, le=100)],
        min_probability: Annotated[float, Field(ge=0, le=1)],
    ) -> None:
        super().__init__()
        self.index_directory, self.depth, self.min_probability = Path(index), depth, min_probability
        self.index = load_index_of(self.index_directory)
        self.reader = BestSentence(answer="name_or_number")
        texts = self.index.collection.texts
        self.reader.counts = Counter(word for text in texts for word in words_of(text))
        self.reader.num_contexts = len(texts)
        self.scores: list[float] = []
        self.probabilities: list[float] = []

    @property
    def num_parameters(self) -> int:
        """Steps of the calibration."""
        return len(self.scores)

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Calibrates the scores on the validation questions."""
        from sklearn.isotonic import IsotonicRegression

        found = self._found(val.sources)
        right = [max(exact_match(text, each) for each in given)
                 for (text, _, _), given in zip(found, val.references, strict=True)]  # fmt: skip
        curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        curve.fit(np.array([score for _, score, _ in found]), np.array(right))
        self.scores, self.probabilities = curve.X_thresholds_.tolist(), curve.y_thresholds_.tolist()
        self.chosen = {"answered": float(np.mean([p >= self.min_probability for p in self._calibrated(found)]))}

    def _calibrated(self, found: Sequence[tuple[str, float, Any]]) -> list[float]:
        scores = [score for _, score, _ in found]
        return [float(p) for p in np.interp(scores, self.scores, self.probabilities)]

    def _found(self, questions: Sequence[str]) -> list[tuple[str, float, list[int]]]:
        """Of each question the answer, its score from 0 to 1, and the passages that were read, that of the answer
        first; "" and 0 where no passage shares a word."""
        hits = self.index.retriever.search(questions, self.depth).rows.tolist()
        return [self._read(question, [row for row in rows if row != NOTHING])
                for question, rows in zip(questions, hits, strict=True)]  # fmt: skip

    def _read(self, question: str, rows: list[int]) -> tuple[str, float, list[int]]:
        texts = self.index.collection.texts
        total = self.reader.weight_of(words_of(question))
        best, answer, source = 0.0, "", -1
        for row in rows:
            if not texts[row].strip():
                continue
            start, end, weight = self.reader.answer(question, texts[row])
            if source < 0 or weight > best:
                best, answer, source = weight, texts[row][start:end], row
        score = best / total if total > 0 else 0.0
        return answer, score, sorted(rows, key=lambda row: row != source)

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """An answer with "sources", the passages that were read (id, title, text), that of the answer first."""
        if not self.scores:
            raise UserError("model=retrieved_answer: it is not calibrated; train the run again")
        found = self._found(sources)
        held = self.index.collection
        return [
            Answer(
                text if text and probability >= self.min_probability else UNKNOWN,
                probability,
                {"sources": [{"id": held.ids[r], "title": held.titles[r], "text": held.texts[r]} for r in rows]},
            )
            for (text, _, rows), probability in zip(found, self._calibrated(found), strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Writes the calibration; the index stays in its run."""
        write_state(folder, {"scores": self.scores, "probabilities": self.probabilities,
                             "threshold": self.min_probability})  # fmt: skip

    def load(self, folder: Path) -> None:
        """See the base class."""
        state = read_state(folder, STATE)
        self.scores, self.probabilities = ([float(x) for x in state[name]] for name in STATE[:2])
