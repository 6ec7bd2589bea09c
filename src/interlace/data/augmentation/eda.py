"""Easy data augmentation: replacement, insertion, swap and deletion of words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.augmentation.base import Texts, WordAugmentation
from interlace.data.augmentation.replacements import Replacements, cored
from interlace.errors import UserError

ATTEMPTS = 10  # of the authors' code, to find a word that has a synonym

Share = Annotated[float, Field(ge=0, le=1)]


class EasyDataAugmentation(WordAugmentation):
    """EDA (Wei & Zou 2019, section 2): each variant is made by one operation, drawn evenly from those switched on.

    A text of l words, n = max(1, floor(alpha l)) with the operation's alpha:
    - replacement: all occurrences of n distinct words that are no stop words, each by a replacement of its own;
    - insertion: n times, a replacement of a random word that is no stop word, at a random place;
    - swap: n times, two words exchange their places;
    - deletion: every word goes with probability alpha_deletion; should all go, one stays.
    An alpha of 0 switches its operation off. The paper's settings: alpha 0.05 and 16 copies for 500 training texts,
    0.05 and 8 for 2,000, 0.1 and 4 for more. The authors take WordNet's synonyms; here `replacements` says where the
    words come from. `stop_words` "english" are scikit-learn's.
    """

    def __init__(
        self,
        *,
        alpha_replacement: Share,
        alpha_insertion: Share,
        alpha_swap: Share,
        alpha_deletion: Share,
        replacements: Replacements,
        stop_words: Literal["english"] | None,
        num_copies: Annotated[int, Field(ge=0)],
        every_epoch: bool,
    ) -> None:
        super().__init__(num_copies=num_copies, every_epoch=every_epoch)
        self.replacements = replacements
        self.stop_words = _stop_words(stop_words)
        self.alphas = {
            "replacement": alpha_replacement,
            "insertion": alpha_insertion,
            "swap": alpha_swap,
            "deletion": alpha_deletion,
        }
        operations: dict[str, Callable[[list[str], float, np.random.Generator], list[str]]] = {
            "replacement": self._replace,
            "insertion": self._insert,
            "swap": _swap,
            "deletion": _delete,
        }
        self._operations = [(operations[name], alpha) for name, alpha in self.alphas.items() if alpha > 0]
        if not self._operations:
            raise UserError("augmentation: every alpha is 0, so nothing would change; expected one above 0")

    def learn(self, texts: Sequence[Texts]) -> None:
        self.replacements.learn(texts)

    def change(self, words: list[str], rng: np.random.Generator) -> list[str]:
        operation, alpha = self._operations[int(rng.integers(len(self._operations)))]
        return operation(words, alpha, rng)

    def arguments(self) -> Mapping[str, Any]:
        return {
            "method": "eda",
            "alphas": self.alphas,
            "replacements": self.replacements.arguments(),
            "stop_words": sorted(self.stop_words),
            "num_copies": self.num_copies,
            "every_epoch": self.every_epoch,
        }

    def _replace(self, words: list[str], alpha: float, rng: np.random.Generator) -> list[str]:
        candidates = sorted(set(self._content_words(words)))
        left = number_of_changes(alpha, len(words))
        chosen: dict[str, str] = {}
        for position in rng.permutation(len(candidates)):
            found = self.replacements.draw(candidates[position], rng)
            if found is not None:
                chosen[candidates[position]] = found
            if len(chosen) == left:
                break
        return [chosen.get(word, word) for word in words]

    def _insert(self, words: list[str], alpha: float, rng: np.random.Generator) -> list[str]:
        changed = list(words)
        for _ in range(number_of_changes(alpha, len(words))):
            sources = self._content_words(changed)
            for position in rng.permutation(len(sources))[:ATTEMPTS]:
                found = self.replacements.draw(sources[position], rng)
                if found is not None:
                    changed.insert(int(rng.integers(len(changed) + 1)), found)
                    break
        return changed

    def _content_words(self, words: Sequence[str]) -> list[str]:
        return [word for word in words if cored(word)[1].lower() not in self.stop_words]


def number_of_changes(alpha: float, length: int) -> int:
    """n = max(1, floor(alpha l)), as in the authors' code."""
    return max(1, int(alpha * length))


def _swap(words: list[str], alpha: float, rng: np.random.Generator) -> list[str]:
    changed = list(words)
    if len(changed) < 2:
        return changed
    for _ in range(number_of_changes(alpha, len(words))):
        first, second = rng.choice(len(changed), size=2, replace=False)
        changed[first], changed[second] = changed[second], changed[first]
    return changed


def _delete(words: list[str], alpha: float, rng: np.random.Generator) -> list[str]:
    kept = [word for word, value in zip(words, rng.random(len(words)), strict=True) if value >= alpha]
    return kept or [words[int(rng.integers(len(words)))]]


def _stop_words(name: str | None) -> frozenset[str]:
    if name is None:
        return frozenset()
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)
