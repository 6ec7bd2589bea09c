"""Easy data augmentation: replacement, insertion, swap and deletion of words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from interlace.data.augmentation.base import Texts, WordAugmentation
from interlace.data.augmentation.replacements import Replacements, split_marks
from interlace.errors import UserError

ATTEMPTS = 10  # to find a word that has a synonym, as in the authors' code

Share = Annotated[float, Field(ge=0, le=1)]


class EasyDataAugmentation(WordAugmentation):
    """EDA (Wei & Zou 2019, section 2): each variant is made by one operation, drawn uniformly from the enabled ones.

    For a text of l words and n = max(1, floor(alpha l)) with the operation's alpha:
    - replacement: replaces all occurrences of n distinct words that are not stop words, each by its own replacement;
    - insertion: inserts n times a replacement of a random word that is not a stop word, at a random position;
    - swap: exchanges two words n times;
    - deletion: removes every word with probability alpha_deletion, but keeps at least one.
    An alpha of 0 disables its operation. The paper's settings: alpha 0.05 and 16 copies for 500 training texts, 0.05
    and 8 for 2,000, 0.1 and 4 for more. The authors use synonyms from WordNet; here `replacements` provides the words.
    `stop_words` "english" are those of scikit-learn.
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
            raise UserError("text_augmentation: every alpha is 0, so that no text would change; expected one above 0")

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
        return [word for word in words if split_marks(word)[1].lower() not in self.stop_words]


def number_of_changes(alpha: float, length: int) -> int:
    """The number of changes n = max(1, floor(alpha l)), as in the authors' code."""
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
