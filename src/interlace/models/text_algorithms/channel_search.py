"""Beam search for the intended words of typed sentences."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from interlace.models.ngram import NgramModel
from interlace.models.ngram.words import END


class Choice(NamedTuple):
    """A word that may be intended: its id in the language model and ln P(typed | word), with penalties."""

    word: str
    unit: int
    channel: float


class Found(NamedTuple):
    """A sentence of the beam: ln P(typed | words) + weight x ln P(words), and its words."""

    score: float
    words: tuple[str, ...]


class _State(NamedTuple):
    score: float
    context: tuple[int, ...]  # the last order - 1 ids
    path: tuple["_Path", str] | None


_Path = tuple[object, str] | None


def search(
    sentences: Sequence[Sequence[Sequence[Choice]]], model: NgramModel, *, weight: float, beam_size: int
) -> list[list[Found]]:
    """Return the best sentences for each list of positions, the best first; each position has one choice or more.

    Partial sentences with the same last order - 1 words are recombined (Viterbi), the best `beam_size` are kept. All
    sentences advance together, so that each place is one look-up in the model.
    """
    tables = model.tables
    context = max(1, model.order - 1)
    start = _State(0.0, (tables.base - 1,) * context, None)
    states = [[start] for _ in sentences]
    ended = [Choice("", END, 0.0)]
    for place in range(max(map(len, sentences), default=0) + 1):
        active = [row for row, sentence in enumerate(sentences) if place <= len(sentence)]
        choices = {row: sentences[row][place] if place < len(sentences[row]) else ended for row in active}
        ngrams = [(*state.context, choice.unit) for row in active for state in states[row] for choice in choices[row]]
        scores = iter((tables.score_last(np.array(ngrams)) * (weight * math.log(10))).tolist())
        for row in active:
            best: dict[tuple[int, ...], _State] = {}
            for state in states[row]:
                for choice in choices[row]:
                    score = state.score + choice.channel + next(scores)
                    after = (*state.context[1:], choice.unit)
                    if place == len(sentences[row]):
                        after = (*state.context, len(best))  # complete sentences are not recombined
                    if after not in best or score > best[after].score:
                        best[after] = _State(score, after, (state.path, choice.word))
            states[row] = sorted(best.values(), key=lambda state: -state.score)[:beam_size]
    return [[Found(state.score, _words(state.path)[:-1]) for state in kept] for kept in states]


def _words(path: _Path) -> tuple[str, ...]:
    words: list[str] = []
    while path is not None:
        path, word = path  # type: ignore[assignment]
        words.append(word)
    return tuple(reversed(words))
