"""Index of words for look-up within a small edit distance."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

PREFIX = 7


class DeletionIndex:
    """Words by what is left of their first letters after deletions (SymSpell, Garbe 2012).

    Two words within distance k share a form that at most k deletions leave of each. Distances are those of optimal
    string alignment: insertions, deletions, substitutions and transpositions of neighbours. A word of 7 or more letters
    has 1 + 7 forms for k = 1 and 29 for k = 2, about 100 bytes each.
    """

    def __init__(self, words: Iterable[str], max_distance: int) -> None:
        self.words = list(dict.fromkeys(words))
        self.max_distance = max_distance
        self._forms: dict[str, list[int]] = {}
        for index, word in enumerate(self.words):
            for form in self._deletions(word):
                self._forms.setdefault(form, []).append(index)

    def __call__(self, typed: str) -> list[tuple[str, int]]:
        """Return the words within the distance, each with its distance, in the order of the words."""
        from rapidfuzz.distance import OSA

        found = {index for form in self._deletions(typed) for index in self._forms.get(form, ())}
        near = ((self.words[index], OSA.distance(typed, self.words[index])) for index in sorted(found))
        return [(word, distance) for word, distance in near if distance <= self.max_distance]

    def _deletions(self, word: str) -> Iterator[str]:
        start = word[:PREFIX]
        forms = {start}
        for number in range(1, min(self.max_distance, len(start)) + 1):
            forms |= {_without(start, places) for places in combinations(range(len(start)), number)}
        return iter(forms)


def _without(word: str, places: Sequence[int]) -> str:
    return "".join(letter for place, letter in enumerate(word) if place not in places)
