"""Probability of a typed word given the intended one."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

START = "^"
KINDS = ("deletion", "insertion", "substitution", "transposition")


class ErrorModel:
    """The channel of Kernighan, Church and Gale (1990), learned from pairs of a typed and an intended word.

    An edit at one place of the intended word c has the probabilities of their equation 1,

        deletion of c_p after c_(p-1)    del(c_(p-1), c_p) / number of c_(p-1) c_p
        insertion of x after c_p         ins(c_p, x) / number of c_p
        substitution of c_p by x         sub(c_p, x) / number of c_p
        transposition of c_p, c_(p+1)    trans(c_p, c_(p+1)) / number of c_p c_(p+1)

    each smoothed by `smoothing` pseudo-counts of the mean rate of its kind. P(typed | c) is their product over an edit
    script, summed over all scripts of fewest edits, times the error rate of words of this length relative to that of
    all words. P(c | c) = 1 - the error rate of this length. Lengths from 12 on are one class.
    """

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing
        self.edits: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self.letters: Counter[str] = Counter()  # single letters and two neighbours of intended words, START included
        self.words: Counter[int] = Counter()
        self.errors: Counter[int] = Counter()
        self.alphabet = 1
        self._rates: dict[str, float] = {}
        self._error_rate = 0.0

    def fit(self, pairs: Iterable[tuple[str, str]]) -> "ErrorModel":
        """Count the edits of (typed, intended) words along one shortest script each."""
        for (typed, intended), number in Counter(pairs).items():
            length = min(len(intended), 12)
            self.words[length] += number
            padded = START + intended
            for n in (1, 2):
                for place in range(len(padded) - n + 1):
                    self.letters[padded[place : place + n]] += number
            if typed != intended:
                self.errors[length] += number
                for kind, key in script(typed, intended):
                    self.edits[kind][key] += number
        self._summarise()
        return self

    def _summarise(self) -> None:
        self.alphabet = max(1, sum(len(each) == 1 and each != START for each in self.letters))
        singles = sum(number for each, number in self.letters.items() if len(each) == 1)
        starts = self.letters[START]
        doubles = sum(number for each, number in self.letters.items() if len(each) == 2)
        places = {
            "deletion": doubles,
            "insertion": singles * self.alphabet,
            "substitution": (singles - starts) * self.alphabet,
            "transposition": doubles - starts,
        }
        self._rates = {kind: (self.edits[kind].total() + 0.5) / max(1, places[kind]) for kind in KINDS}
        self._error_rate = (self.errors.total() + 0.5) / (self.words.total() + 1)

    def error_rate(self, length: int) -> float:
        """Return the share of words of this length that are typed wrong, smoothed towards that of all lengths."""
        length = min(length, 12)
        prior = self.smoothing
        return (self.errors[length] + prior * self._error_rate) / (self.words[length] + prior)

    def edit_probability(self, kind: str, key: str) -> float:
        """Return the probability of an edit; key: two letters, for insertion and substitution the second is typed."""
        places = self.letters[key[0] if kind in ("insertion", "substitution") else key]
        return (self.edits[kind][key] + self.smoothing * self._rates[kind]) / (places + self.smoothing)

    def log_probability(self, typed: str, intended: str) -> float:
        """Return ln P(typed | intended)."""
        rate = self.error_rate(len(intended))
        if typed == intended:
            return math.log1p(-rate)
        return math.log(rate / self._error_rate) + math.log(self._scripts(typed, intended))

    def _scripts(self, typed: str, intended: str) -> float:
        """Return the sum over all scripts of fewest edits of the product of their probabilities."""
        x, y = START + intended, START + typed
        table: list[list[tuple[int, float]]] = [[(0, 0.0)] * len(y) for _ in x]
        for i in range(len(x)):
            for j in range(len(y)):
                ways = [(0, 1.0)] if i == j == 0 else []
                for di, dj, kind, key in _steps(x, y, i, j):
                    edits, probability = table[i - di][j - dj]
                    factor = self.edit_probability(kind, key) if kind else 1.0
                    ways.append((edits + bool(kind), probability * factor))
                least = min(edits for edits, _ in ways)
                table[i][j] = (least, sum(probability for edits, probability in ways if edits == least))
        return table[-1][-1][1]

    def state(self) -> dict[str, Any]:
        """Return the counts, plain JSON."""
        return {
            "smoothing": self.smoothing,
            "edits": {kind: dict(counts) for kind, counts in self.edits.items()},
            "letters": dict(self.letters),
            "words": {str(length): number for length, number in self.words.items()},
            "errors": {str(length): number for length, number in self.errors.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "ErrorModel":
        """Restore a model from its `state()`."""
        model = cls(state["smoothing"])
        model.edits = {kind: Counter(state["edits"][kind]) for kind in KINDS}
        model.letters = Counter(state["letters"])
        model.words = Counter({int(length): number for length, number in state["words"].items()})
        model.errors = Counter({int(length): number for length, number in state["errors"].items()})
        model._summarise()
        return model


def _steps(x: str, y: str, i: int, j: int) -> list[tuple[int, int, str, str]]:
    """Return the last steps to the prefixes x[:i + 1], y[:j + 1]: letters read of each, kind ("": equal) and key."""
    steps = []
    if i and j:
        steps.append((1, 1, "", "") if x[i] == y[j] else (1, 1, "substitution", x[i] + y[j]))
    if i:
        steps.append((1, 0, "deletion", x[i - 1] + x[i]))
    if j:
        steps.append((0, 1, "insertion", x[i] + y[j]))
    if i > 1 and j > 1 and x[i] == y[j - 1] != x[i - 1] == y[j]:
        steps.append((2, 2, "transposition", x[i - 1] + x[i]))
    return steps


def script(typed: str, intended: str) -> list[tuple[str, str]]:
    """Return the edits (kind, key) of one shortest script from the intended to the typed word."""
    x, y = START + intended, START + typed
    table: dict[tuple[int, int], tuple[int, tuple[tuple[str, str], ...]]] = {(0, 0): (0, ())}
    for i in range(len(x)):
        for j in range(len(y)):
            for di, dj, kind, key in _steps(x, y, i, j):
                edits, path = table[i - di, j - dj]
                found = (edits + 1, (*path, (kind, key))) if kind else (edits, path)
                if (i, j) not in table or found[0] < table[i, j][0]:
                    table[i, j] = found
    return list(table[len(x) - 1, len(y) - 1][1])
