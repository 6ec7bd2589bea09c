"""Correction by a noisy channel: a model of typing errors times a language model."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from interlace.data.deletion_index import DeletionIndex
from interlace.data.text_pairs import Pairs
from interlace.data.typing_errors import recased
from interlace.errors import UserError
from interlace.metrics.correction import Counts, count, measures
from interlace.metrics.edits import TOKEN, WORD, aligned, tokens
from interlace.models.ngram import NgramModel
from interlace.models.ngram.text import from_text
from interlace.models.ngram.words import UNKNOWN
from interlace.models.text_algorithm import Answer, TextAlgorithm
from interlace.models.text_algorithms.channel_search import Choice, Found, search
from interlace.models.text_algorithms.dictionary import count_words
from interlace.models.text_algorithms.error_model import ErrorModel
from interlace.models.text_algorithms.state import read_state, write_state

Weights = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)]


class NoisyChannel(TextAlgorithm):
    """The sentence W that maximises P(typed | W) P(W)^lm_weight, by beam search (Kernighan et al. 1990).

    P(typed | W) is an `ErrorModel` of the training pairs, P(W) a modified Kneser-Ney model of order `order` of the
    right training texts in lower case. Candidates are their words within `max_distance` edits, the `max_candidates`
    most probable by P(typed | word) and frequency, and the typed word itself, which costs `unknown` nats if unknown.
    Capitals at the beginning or throughout stay as typed.

    `language_model` is the folder of a causal or n-gram model: the `beam_size` best sentences are ranked again with
    rescoring_weight x its ln P added. Of several values of lm_weight, unknown and rescoring_weight those are kept with
    which most words of the first `val_texts` validation texts are right; rescoring is left out if it gains nothing.
    """

    gives_probabilities = True

    def __init__(
        self,
        *,
        order: Annotated[int, Field(ge=1, le=6)],
        max_distance: Annotated[int, Field(ge=1, le=3)],
        max_candidates: Annotated[int, Field(ge=1)],
        beam_size: Annotated[int, Field(ge=1)],
        smoothing: Annotated[float, Field(gt=0)],
        lm_weight: Weights,
        unknown: Annotated[list[float], Field(min_length=1)],
        language_model: str | None,
        rescoring_weight: Weights,
        val_texts: Annotated[int, Field(ge=1)],
        open_scorer: Callable[[str], Any],
    ) -> None:
        super().__init__()
        self.order, self.max_distance, self.max_candidates = order, max_distance, max_candidates
        self.beam_size, self.smoothing, self.val_texts = beam_size, smoothing, val_texts
        self.grid = {"lm_weight": list(lm_weight), "unknown": list(unknown)}
        self.rescoring_weights = list(rescoring_weight)
        self.scorer = None if language_model is None else open_scorer(language_model)
        self.errors = ErrorModel(smoothing)
        self.counts: Counter[str] = Counter()

    @property
    def num_parameters(self) -> int:
        """N-grams of the language model, and counts of edits."""
        return sum(self.model.num_ngrams) + sum(map(len, self.errors.edits.values()))

    def fit(self, train: Pairs, val: Pairs) -> None:
        """Estimate the language model of the targets and the error model of the pairs; choose the weights."""
        lines = (" ".join(_lower(text)) for text in train.targets)
        model = from_text(lines, self.order, special_words="skip")
        errors = ErrorModel(self.smoothing).fit(word_pairs(train))
        if not errors.errors:
            raise UserError(
                "model=noisy_channel: no word of the training sources differs from its target, and errors are learned "
                "from these; give pairs with errors, or data=corrupted_text"
            )
        self._take(count_words(train.targets), model, errors)
        self._choose(val.take(range(min(self.val_texts, len(val)))))

    def write(self, sources: Sequence[str]) -> list[Answer]:
        """Return the most probable texts; the confidence is the share of the best among the sentences of the beam."""
        found = self._search(sources, self.chosen["lm_weight"], self.chosen["unknown"])
        weight = self.chosen["rescoring_weight"]
        return [
            Answer(*_best(texts, scores + weight * rescored))
            for texts, scores, rescored in self._rescored(sources, found, self.scorer if weight else None)
        ]

    def _take(self, counts: Counter[str], model: NgramModel, errors: ErrorModel) -> None:
        self.counts, self.model, self.errors = counts, model, errors
        self.index = DeletionIndex(counts, self.max_distance)
        self.ids = {word: index for index, word in enumerate(model.settings.units or ())}
        self._candidates: dict[str, list[Choice]] = {}

    def _choose(self, val: Pairs) -> None:
        """Choose lm_weight and unknown, then rescoring_weight, by the right words of the validation pairs."""
        best = (-1.0, -1.0)
        for weight, unknown in product(*self.grid.values()):
            found = self._search(val.sources, weight, unknown)
            texts = [_text(source, each[0].words) for source, each in zip(val.sources, found, strict=True)]
            if (reached := _accuracy(val, texts)) > best:
                best, kept = reached, found
                self.chosen = {"lm_weight": weight, "unknown": unknown, "rescoring_weight": 0.0}
        if self.scorer is None:
            return
        rescored = list(self._rescored(val.sources, kept, self.scorer))
        for weight in self.rescoring_weights:
            texts = [_best(texts, scores + weight * added)[0] for texts, scores, added in rescored]
            if (reached := _accuracy(val, texts)) > best:
                best, self.chosen["rescoring_weight"] = reached, weight

    def _search(self, sources: Sequence[str], weight: float, unknown: float) -> list[list[Found]]:
        sentences = [[self._choices(token, unknown) for token in _lower(source)] for source in sources]
        return search(sentences, self.model, weight=weight, beam_size=self.beam_size)

    def _choices(self, token: str, unknown: float) -> list[Choice]:
        if token not in self._candidates:
            self._candidates[token] = self.candidates(token)
        return [
            choice._replace(channel=choice.channel - unknown) if choice.unit == UNKNOWN else choice
            for choice in self._candidates[token]
        ]

    def candidates(self, typed: str) -> list[Choice]:
        """Return the words that may be intended by a token in lower case, with ln P(typed | word)."""
        itself = self.ids.get(typed, UNKNOWN)
        if not WORD.fullmatch(typed):
            return [Choice(typed, itself, 0.0)]
        total = self.counts.total()
        found = [
            Choice(word, self.ids[word], self.errors.log_probability(typed, word))
            for word, _ in self.index(typed)
            if word != typed
        ]
        found.sort(key=lambda each: -each.channel - math.log(self.counts[each.word] / total))
        own = Choice(typed, itself, self.errors.log_probability(typed, typed))
        return [own, *found[: self.max_candidates]]

    def _rescored(
        self,
        sources: Sequence[str],
        found: Sequence[Sequence[Found]],
        scorer: Callable[[list[str]], list[float]] | None,
    ) -> Iterator[tuple[list[str], np.ndarray, np.ndarray]]:
        """Yield texts, their scores, and ln P by `scorer` (zeros without one) for each source."""
        texts = [[_text(source, each.words) for each in kept] for source, kept in zip(sources, found, strict=True)]
        flat = [text for kept in texts for text in kept]
        added = iter(scorer(flat) if scorer is not None else [0.0] * len(flat))
        for given, kept in zip(texts, found, strict=True):
            yield given, np.array([each.score for each in kept]), np.array([next(added) for _ in kept])

    def save(self, folder: Path) -> None:
        """state.json and the language model's folder"""
        self.model.save(folder / "language_model")
        state = {"counts": dict(self.counts), "errors": self.errors.state(), "chosen": self.chosen}
        write_state(folder, {**state, "rescored_by": None if self.scorer is None else self.scorer.identity})

    def load(self, folder: Path) -> None:
        """state.json and the language model's folder; UserError if `language_model` has other weights than in `fit`."""
        state = read_state(folder, ("counts", "errors", "chosen", "rescored_by"))
        if state["rescored_by"] != (None if self.scorer is None else self.scorer.identity):
            raise UserError("model.language_model: its weights are not those that the run was fitted with; "
                            "restore them, or train the run again")  # fmt: skip
        self._take(
            Counter(state["counts"]),
            NgramModel.load(folder / "language_model"),
            ErrorModel.from_state(state["errors"]),
        )
        self.chosen = state["chosen"]


def word_pairs(pairs: Pairs) -> Iterator[tuple[str, str]]:
    """Yield the (typed, intended) words of pairs in lower case, where one stands in the place of the other."""
    for source, target in zip(pairs.sources, pairs.targets, strict=True):
        intended = _lower(target)
        for typed, word in zip(aligned(_lower(source), intended), intended, strict=True):
            if typed is not None and WORD.fullmatch(typed) and WORD.fullmatch(word):
                yield typed, word


def _lower(text: str) -> list[str]:
    """Return the tokens of a text in lower case, one by one, since a dotted capital I has two characters there."""
    return [token.lower() for token in tokens(text)]


def _text(source: str, words: Sequence[str]) -> str:
    """Return the source with its tokens replaced by `words` in lower case, where they differ, in its capitals."""
    parts, end = [], 0
    for match, word in zip(TOKEN.finditer(source), words, strict=True):
        typed = match.group()
        parts += [source[end : match.start()], typed if typed.lower() == word else recased(word, typed)]
        end = match.end()
    return "".join([*parts, source[end:]])


def _best(texts: Sequence[str], scores: np.ndarray) -> tuple[str, float]:
    """Return the text with the highest score, and its share of the sum of exp(score)."""
    at = int(scores.argmax())
    return texts[at], float(1 / np.exp(scores - scores[at]).sum())


def _accuracy(pairs: Pairs, texts: Sequence[str]) -> tuple[float, float]:
    """Return the share of right words, and F0.5."""
    rows = zip(pairs.sources, texts, pairs.references, strict=True)
    found = measures(sum((count(*row, ()) for row in rows), Counts()))
    return found.get("word_accuracy", 0.0), found["edit_f05"]
