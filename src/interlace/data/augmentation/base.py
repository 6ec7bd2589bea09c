"""What every text augmentation is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Texts = tuple[str, ...]


class TrainingText(NamedTuple):
    """A row of the training split: its texts (two for a pair), class, name, and whether `vary` changes it."""

    texts: Texts
    label: str
    id: str
    varies: bool = False


class TextAugmentation:
    """Base: changes the training texts before they are tokenised; validation and test texts never pass through.

    `expand` gives the rows of the training split: the originals and what is added to them. `vary` gives a row with
    `varies` its text for one epoch, with random numbers that are a function of (seed, epoch, row) alone, so that a
    resumed run sees what an uninterrupted one would have seen, and batches may be made in any order. With
    `every_epoch` False the rows vary once, before training. The vocabulary is that of the original texts, so that
    arms of a study that differ in augmentation alone share a tokenizer.
    """

    every_epoch = True
    expensive = False  # whether what `expand` makes is kept on disk

    def expand(self, rows: Sequence[TrainingText], seed: int) -> list[TrainingText]:
        """The rows of the training split; what needs the training texts is learned here."""
        raise NotImplementedError

    def vary(self, texts: Texts, rng: np.random.Generator) -> Texts:
        """Another version of a row's texts; never empty."""
        return texts

    def arguments(self) -> Mapping[str, Any]:
        """What determines the result beside the rows and the seed, as plain JSON: part of the data's fingerprint."""
        raise NotImplementedError


class NoAugmentation(TextAugmentation):
    """The training texts as they are: the arm that others are compared with."""

    every_epoch = False

    def expand(self, rows: Sequence[TrainingText], seed: int) -> list[TrainingText]:
        """The originals."""
        return list(rows)

    def arguments(self) -> Mapping[str, Any]:
        return {"method": "none"}


class WordAugmentation(TextAugmentation):
    """Base of those that change single words.

    `num_copies` variants of every text are added to it (n_aug of EDA); 0 replaces every text itself by a variant.
    Variants are drawn anew in every epoch, or once when `every_epoch` is False, as in EDA's own experiments.
    Words are what white space separates.
    """

    def __init__(self, *, num_copies: int, every_epoch: bool) -> None:
        self.num_copies = num_copies
        self.every_epoch = every_epoch

    def expand(self, rows: Sequence[TrainingText], seed: int) -> list[TrainingText]:
        """Originals followed by copies, copy after copy; or the originals, each to be varied."""
        self.learn([row.texts for row in rows])
        if self.num_copies == 0:
            return [row._replace(varies=True) for row in rows]
        copies = [
            row._replace(id=f"{row.id}+{copy}", varies=True) for copy in range(1, self.num_copies + 1) for row in rows
        ]
        return [*rows, *copies]

    def vary(self, texts: Texts, rng: np.random.Generator) -> Texts:
        """Each text of the row by itself; a text of a pair may stay as it is."""
        return tuple(" ".join(self.change(text.split(), rng)) for text in texts)

    def learn(self, texts: Sequence[Texts]) -> None:
        """Takes from the training texts what `change` needs."""

    def change(self, words: list[str], rng: np.random.Generator) -> list[str]:
        """A variant of a text's words, at least one; `words` is left as it is."""
        raise NotImplementedError
