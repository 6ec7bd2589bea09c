"""The base classes of text augmentations."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Texts = tuple[str, ...]


class TrainingText(NamedTuple):
    """A row of the training split: its texts (two for a pair), class, id, and whether `vary` changes it."""

    texts: Texts
    label: str
    id: str
    varies: bool = False


class TextAugmentation:
    """Base class of augmentations, which change the training texts before tokenization; validation and test texts are
    never changed.

    `expand` returns the rows of the training split: the originals and the added rows. `vary` returns the text of a row
    with `varies` for one epoch. Its random numbers are a function of (seed, epoch, row) only, so that a resumed run
    sees the same texts as an uninterrupted one, and batches can be built in any order. With `every_epoch` False the
    rows are varied once, before training. The vocabulary is that of the original texts, so that arms of a study that
    differ only in augmentation share a tokenizer.
    """

    every_epoch = True
    expensive = False  # whether the result of `expand` is cached on disk

    def expand(self, rows: Sequence[TrainingText], seed: int) -> list[TrainingText]:
        """Returns the rows of the training split, and fits whatever depends on the training texts."""
        raise NotImplementedError

    def vary(self, texts: Texts, rng: np.random.Generator) -> Texts:
        """Returns a variant of a row's texts, never empty."""
        return texts

    def arguments(self) -> Mapping[str, Any]:
        """Returns the arguments that determine the result beside rows and seed, as plain JSON for the fingerprint."""
        raise NotImplementedError


class NoAugmentation(TextAugmentation):
    """No augmentation: the unchanged training texts, as a baseline."""

    every_epoch = False

    def expand(self, rows: Sequence[TrainingText], seed: int) -> list[TrainingText]:
        """Returns the originals."""
        return list(rows)

    def arguments(self) -> Mapping[str, Any]:
        return {"method": "none"}


class WordAugmentation(TextAugmentation):
    """Base class of augmentations that change single words.

    `num_copies` variants of every text are added to it (n_aug of EDA); 0 replaces every text by a variant. Variants are
    drawn in every epoch, or once if `every_epoch` is False, as in the experiments of EDA. Words are separated by white
    space.
    """

    def __init__(self, *, num_copies: int, every_epoch: bool) -> None:
        self.num_copies = num_copies
        self.every_epoch = every_epoch

    def expand(self, rows: Sequence[TrainingText], seed: int) -> list[TrainingText]:
        """Returns the originals followed by copies, copy after copy; or the originals, each to be varied."""
        self.learn([row.texts for row in rows])
        if self.num_copies == 0:
            return [row._replace(varies=True) for row in rows]
        copies = [
            row._replace(id=f"{row.id}+{copy}", varies=True) for copy in range(1, self.num_copies + 1) for row in rows
        ]
        return [*rows, *copies]

    def vary(self, texts: Texts, rng: np.random.Generator) -> Texts:
        """Varies each text of the row independently; a text of a pair may stay unchanged."""
        return tuple(" ".join(self.change(text.split(), rng)) for text in texts)

    def learn(self, texts: Sequence[Texts]) -> None:
        """Fits whatever `change` needs to the training texts."""

    def change(self, words: list[str], rng: np.random.Generator) -> list[str]:
        """Returns a variant of a text's words, at least one, without modifying `words`."""
        raise NotImplementedError
