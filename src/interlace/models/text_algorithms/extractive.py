"""Extractive summaries: the sentences of a text with the best scores, in the order of the text, within a length."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.sentences import Turn, Unit, split_turns
from interlace.data.text_pairs import Pairs
from interlace.metrics.rouge import rouge, words
from interlace.models.text_algorithm import Answer, TextAlgorithm
from interlace.models.text_algorithms.reported_speech import reported

Speech = Literal["keep", "strip", "report"]
Lengths = Annotated[list[Annotated[int, Field(ge=1)] | None], Field(min_length=1)]


class ExtractiveSummarizer(TextAlgorithm):
    """Base of summaries that are sentences or lines of the source.

    unit           line (a turn of a dialogue) or sentence
    max_sentences  limits on the number of units; of several the one with the best mean of ROUGE-1, -2 and -L on the
                   validation pairs is kept, together with the limit on words
    max_words      limits on the number of words between spaces, at which the last unit is cut; null: none
    redundancy     a unit that shares this share of its words or more with one chosen before is passed over; 1: none is
    speech         keep "#Person1#: I see" as it is, strip the speaker, or report it: the speaker's name, then the text
                   with names for "I" and "you" (English)
    """

    def __init__(
        self,
        *,
        unit: Unit,
        max_sentences: Lengths,
        max_words: Lengths,
        redundancy: Annotated[float, Field(gt=0, le=1)],
        speech: Speech,
    ) -> None:
        super().__init__()
        self.unit: Unit = unit
        self.limits = list(itertools.product(max_sentences, max_words))
        self.redundancy = redundancy
        self.speech: Speech = speech
        self.limit = self.limits[0]

    def scores(self, turns: Sequence[Turn]) -> np.ndarray:
        """The worth (n,) of each unit of a text."""
        raise NotImplementedError

    def learn(self, train: Pairs) -> None:
        """Learns what `scores` needs from the training pairs."""

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Learns scores, then chooses the length on the validation pairs."""
        self.learn(train)
        if len(self.limits) > 1:
            prepared = [self._ranked(source) for source in val.sources]
            worth = {}
            for limit in self.limits:
                texts = [self._told(turns, self._chosen(turns, order, limit), limit) for turns, order in prepared]
                found = rouge(texts, val.references, combine="mean")
                worth[limit] = float(np.mean(list(found.values())))
            self.limit = max(self.limits, key=lambda limit: worth[limit])
            self.chosen["validation_rouge"] = round(worth[self.limit], 4)
        self.chosen |= dict(zip(("max_sentences", "max_words"), self.limit, strict=True))

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """The summaries; "units" of the details are the numbers of the chosen lines or sentences, from 1."""
        answers = []
        for source in sources:
            turns, order = self._ranked(source)
            chosen = self._chosen(turns, order, self.limit)
            text = self._told(turns, chosen, self.limit)
            answers.append(Answer(text, None, {"units": [index + 1 for index in chosen]}))
        return answers

    def state(self) -> dict[str, Any]:
        """Values that `fit` chose, plain JSON."""
        return {"limit": list(self.limit), "chosen": self.chosen}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes in a `state`."""
        self.limit = (state["limit"][0], state["limit"][1])
        self.chosen = state["chosen"]

    def _ranked(self, source: str) -> tuple[list[Turn], np.ndarray]:
        """The units of a text, and their indices from the best to the worst; of equals the earlier is better."""
        turns = split_turns(source, self.unit)
        return turns, np.argsort(-self.scores(turns), kind="stable") if turns else np.empty(0, dtype=np.int64)

    def _chosen(self, turns: Sequence[Turn], order: np.ndarray, limit: tuple[int | None, int | None]) -> list[int]:
        """Indices of units in the order of the text: the best ones, until their number or their words are enough."""
        most, most_words = limit
        taken: list[int] = []
        seen: list[set[str]] = []
        length = 0
        for index in map(int, order):
            if (most is not None and len(taken) == most) or (most_words is not None and length >= most_words):
                break
            bag = set(words(turns[index].text))
            if self.redundancy < 1 and any(len(bag & other) >= self.redundancy * max(1, len(bag)) for other in seen):
                continue
            taken.append(index)
            seen.append(bag)
            length += len(turns[index].text.split())
        return sorted(taken)

    def _told(self, turns: Sequence[Turn], chosen: Sequence[int], limit: tuple[int | None, int | None]) -> str:
        """The chosen units as one text, cut to the limit on words."""
        if self.speech == "report":
            parts = reported(turns, chosen)
        elif self.speech == "strip":
            parts = [turns[index].text for index in chosen]
        else:
            parts = [f"{speaker}: {text}" if speaker else text for speaker, text in (turns[index] for index in chosen)]
        told = " ".join(parts).split()
        return " ".join(told[: limit[1]])
