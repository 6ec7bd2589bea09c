"""One split of a data set."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from interlace.data.arrays import RawArray


class Split:
    """Examples of one split: an array a modality, labels, names, and groups by which metrics are split.

    `labels` is (N,) int64 class ids, or float32 for regression. `groups` maps a group's name to an (N,) array of
    str. `texts` holds the original words of text modalities where they are at hand.

    Of data whose `task` is "generation", `targets` are the texts to be written, one an example, and `prompts`, where
    there are any, the words that the language model itself reads before it writes (a question, a sentence to
    translate, a language tag; "" for none). Both are plain text: the run's tokenizer is trained on those of the
    training split, or comes with the language model. `labels` then only counts the rows; zeros will do.
    """

    def __init__(
        self,
        arrays: Mapping[str, RawArray],
        labels: np.ndarray,
        ids: Sequence[str],
        groups: Mapping[str, np.ndarray] | None = None,
        texts: Mapping[str, Sequence[str]] | None = None,
        targets: Sequence[str] | None = None,
        prompts: Sequence[str] | None = None,
    ) -> None:
        self.arrays = dict(arrays)
        self.labels = labels
        self.ids = list(ids)
        self.groups = dict(groups or {})
        self.texts = dict(texts or {})
        self.targets = None if targets is None else list(targets)
        self.prompts = None if prompts is None else list(prompts)
        # Sequences are cut at the longest of the batch; a picture (N, C, H, W) has no sequence axis.
        self._trim = {name: array.x.ndim < 4 for name, array in self.arrays.items()}

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """Rows `indices` as {"index", "inputs": {modality: Raw}, "label"}."""
        indices = np.asarray(indices, dtype=np.int64)
        inputs = {name: array.gather(indices, trim=self._trim[name]) for name, array in self.arrays.items()}
        return {
            "index": torch.from_numpy(indices.copy()),
            "inputs": inputs,
            "label": torch.from_numpy(self.labels[indices]),
        }

    def select(self, names: Collection[str]) -> "Split":
        """The same examples with some of their modalities: what a model does not use is not gathered."""
        arrays = {name: array for name, array in self.arrays.items() if name in names}
        return Split(arrays, self.labels, self.ids, self.groups, self.texts, self.targets, self.prompts)

    def show(self, index: int) -> dict[str, Any]:
        """One example as arrays cut to their length: {"id", "label", "groups", "inputs": {modality: array | None}}."""
        inputs = {}
        for name, array in self.arrays.items():
            x = np.asarray(array.x[index])
            inputs[name] = (x[: array.length[index]] if self._trim[name] else x) if array.present[index] else None
        groups = {name: str(values[index]) for name, values in self.groups.items()}
        return {"id": self.ids[index], "label": self.labels[index].item(), "groups": groups, "inputs": inputs}
