"""One split of a data set."""

import copy
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from interlace.data.arrays import RawArray, TokenArray

CHUNK = 4096  # values that are written as JSON together


class Split:
    """Examples of one split: an array per modality, labels, ids, and groups by which metrics are reported.

    An array holds raw inputs (RawArray, batched as `RawBatch`) or tokens computed beforehand (TokenArray, batched as
    `Tokens`).

    `labels` (N,) are int64 class ids, or float32 for regression. `groups` maps the name of a group to an (N,) array of
    str. `texts` holds the original text of text modalities if available.

    For the task "generation", `targets` are the target texts, one per example, and `prompts`, if any, the texts that
    the language model reads before it generates (a question, a sentence to translate, a language tag; "" for none).
    Both are plain text: the run's tokenizer is trained on those of the training split, or comes with the language
    model. `labels` then only gives the number of rows; zeros suffice.

    `source_rows` may hold, for a modality, the row (N,) of its array that each example uses instead of its own.
    `further_labels` are labels of auxiliary tasks by name, (N,) each, with -1 or NaN for an example without one.

    `clusters` (N,) of str identify what examples share, such as a recording, an image or a speaker. Examples of
    different clusters are independent, and statistics over test items count clusters. None: all are independent.
    """

    def __init__(
        self,
        arrays: Mapping[str, RawArray | TokenArray],
        labels: np.ndarray,
        ids: Sequence[str],
        groups: Mapping[str, np.ndarray] | None = None,
        texts: Mapping[str, Sequence[str]] | None = None,
        targets: Sequence[str] | None = None,
        prompts: Sequence[str] | None = None,
        clusters: np.ndarray | None = None,
    ) -> None:
        self.arrays = dict(arrays)
        self.labels = labels
        self.ids = list(ids)
        self.groups = dict(groups or {})
        self.clusters = clusters
        self.texts = dict(texts or {})
        self.targets = None if targets is None else list(targets)
        self.prompts = None if prompts is None else list(prompts)
        self.source_rows: dict[str, np.ndarray] = {}
        self.further_labels: dict[str, np.ndarray] = {}
        # Sequences are cut at the longest example of a batch.
        self._trim = {name: array.is_sequence for name, array in self.arrays.items()}

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """The rows as {"index", "inputs": {modality: RawBatch}, "label"}; further labels by name in "labels"."""
        indices = np.asarray(indices, dtype=np.int64)
        inputs = {
            name: array.gather(self._source_rows_of(name, indices), trim=self._trim[name])
            for name, array in self.arrays.items()
        }
        batch: dict[str, Any] = {
            "index": torch.from_numpy(indices.copy()),
            "inputs": inputs,
            "label": torch.from_numpy(self.labels[indices]),
        }
        if self.further_labels:
            batch["labels"] = {name: torch.from_numpy(labels[indices]) for name, labels in self.further_labels.items()}
        return batch

    def _source_rows_of(self, name: str, indices: np.ndarray) -> np.ndarray:
        return self.source_rows[name][indices] if name in self.source_rows else indices

    def presence(self) -> np.ndarray:
        """Mask (N, M) bool of the modalities that each example has, in the order of `arrays`."""
        rows = np.arange(len(self))
        return np.stack([array.present[self._source_rows_of(name, rows)] for name, array in self.arrays.items()], 1)

    def select(self, names: Collection[str]) -> "Split":
        """The same examples with only some modalities, so that unused ones are not gathered."""
        chosen = copy.copy(self)
        chosen.arrays = {name: array for name, array in self.arrays.items() if name in names}
        return chosen

    def encoded(self, arrays: Mapping[str, TokenArray]) -> "Split":
        """The same examples with tokens instead of the raw inputs of some modalities."""
        chosen = copy.copy(self)
        chosen.arrays = {**self.arrays, **arrays}
        chosen._trim = {**self._trim, **{name: array.is_sequence for name, array in arrays.items()}}
        return chosen

    def duplicate(self, source: str, name: str) -> None:
        """Adds the modality `source` again as `name`; both share their memory."""
        self.arrays[name] = self.arrays[source]
        self._trim[name] = self._trim[source]
        if source in self.source_rows:
            self.source_rows[name] = self.source_rows[source]
        if source in self.texts:
            self.texts[name] = self.texts[source]

    def example(self, index: int) -> dict[str, Any]:
        """One example, its arrays without padding: {"id", "label", "groups", "inputs": {modality: array | None}}."""
        inputs = {}
        for name, array in self.arrays.items():
            assert isinstance(array, RawArray), "tokens cannot be displayed"
            row = self._source_rows_of(name, np.asarray(index))
            x = np.asarray(array.x[row])
            inputs[name] = (x[: array.length[row]] if self._trim[name] else x) if array.present[row] else None
        groups = {name: str(values[index]) for name, values in self.groups.items()}
        return {"id": self.ids[index], "label": self.labels[index].tolist(), "groups": groups, "inputs": inputs}


def examples_hash(splits: Mapping[str, Split]) -> str:
    """SHA-256 over everything in splits except the arrays: ids, labels, groups, texts, prompts and targets."""
    digest = hashlib.sha256()
    for name, split in sorted(splits.items()):
        groups = {key: values.tolist() for key, values in split.groups.items()}
        plain = [name, split.ids, groups, split.texts, split.targets, split.prompts]
        for piece in _json_pieces(plain):
            digest.update(piece.encode())
        for key, labels in [("", split.labels), *sorted(split.further_labels.items())]:
            array = np.ascontiguousarray(labels)
            digest.update(f"{key} {array.dtype.str} {array.shape}\0".encode() + array.tobytes())
    return digest.hexdigest()


def _json_pieces(value: Any) -> Iterator[str]:
    """The output of json.dumps with sorted keys in pieces, so that a million texts are not copied at once."""
    if isinstance(value, dict):
        for index, key in enumerate(sorted(value)):
            yield ("{" if not index else ", ") + json.dumps(key) + ": "
            yield from _json_pieces(value[key])
        yield "}" if value else "{}"
    elif isinstance(value, list) and any(isinstance(entry, list | dict) for entry in value):
        for index, entry in enumerate(value):
            yield "[" if not index else ", "
            yield from _json_pieces(entry)
        yield "]"
    elif isinstance(value, list) and len(value) > CHUNK:
        for start in range(0, len(value), CHUNK):
            yield ("[" if not start else ", ") + json.dumps(value[start : start + CHUNK], sort_keys=True)[1:-1]
        yield "]"
    else:
        yield json.dumps(value, sort_keys=True)
