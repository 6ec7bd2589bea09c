"""Training examples whose texts vary between epochs."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch

from interlace.data.arrays import RawArray
from interlace.data.augmentation.base import TextAugmentation, TrainingText
from interlace.data.sequences import JOINER, SequenceTokenizer
from interlace.data.split import Split


def text_array(tokenizer: SequenceTokenizer, sequences: Sequence[list[int]]) -> RawArray:
    """Sequences of ids as an array without missing rows."""
    x, length = tokenizer.padded(sequences)
    return RawArray(x, length, np.ones(len(sequences), dtype=bool))


class AugmentedSplit(Split):
    """A split in which some rows have different texts in every epoch, generated batch by batch as a function of (seed,
    epoch, row). `arrays` and `texts` hold the texts of epoch 0.
    """

    def __init__(
        self,
        name: str,
        rows: Sequence[TrainingText],
        labels: np.ndarray,
        tokenizer: SequenceTokenizer,
        augmentation: TextAugmentation,
        seed: int,
    ) -> None:
        self.name = name
        self.rows = list(rows)
        self.tokenizer = tokenizer
        self.augmentation = augmentation
        self.seed = seed
        self.epoch = 0
        shown = [self.row_texts(index) for index in range(len(rows))]
        texts = {name: [JOINER.join(texts) for texts in shown]}
        super().__init__(
            {name: text_array(tokenizer, tokenizer.encode_rows(shown))}, labels, [row.id for row in rows], texts=texts
        )
        self._varies = np.array([row.varies for row in rows]) & augmentation.every_epoch

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, which determines the variants in the following batches."""
        self.epoch = epoch

    def row_texts(self, index: int) -> tuple[str, ...]:
        """The texts of a row in the current epoch."""
        row = self.rows[index]
        if not row.varies:
            return row.texts
        epoch = self.epoch if self.augmentation.every_epoch else 0
        return self.augmentation.vary(row.texts, np.random.Generator(np.random.PCG64([self.seed, epoch, index])))

    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """The batch of Split.batch for the rows `indices`, with the texts of the current epoch."""
        indices = np.asarray(indices, dtype=np.int64)
        if self.epoch == 0 or not self._varies[indices].any():
            return super().batch(indices)
        array = self.arrays[self.name]
        assert isinstance(array, RawArray), "texts that change with the epoch are not encoded beforehand"
        kept = [array.x[i, : array.length[i]].tolist() for i in indices]
        changed = np.flatnonzero(self._varies[indices])
        fresh = self.tokenizer.encode_rows([self.row_texts(int(indices[position])) for position in changed])
        for position, ids in zip(changed, fresh, strict=True):
            kept[position] = ids
        raw = text_array(self.tokenizer, kept).gather(np.arange(len(kept)), trim=True)
        return {
            "index": torch.from_numpy(indices.copy()),
            "inputs": {self.name: raw},
            "label": torch.from_numpy(self.labels[indices]),
        }

    def select(self, names: Collection[str]) -> "Split":
        """The split itself if the text is among the chosen modalities, else the result of Split.select."""
        return self if self.name in names else super().select(names)
