"""A trained model with its examples encoded once: what is asked of it afterwards costs the fusion alone."""

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from interlace.data.arrays import RawArray
from interlace.data.split import Split
from interlace.tasks.supervised import MultimodalModel
from interlace.tokens import Fused, Tokens


class EncodedModel:
    """A MultimodalModel over the n examples of a split, its encoders run once each on `arrays`.

    Exact, since an encoder's answer to an example does not hang on the others of a batch. Whatever the model does
    between encoders and head (missing tokens, fusion) is done anew on every call, by the model's own code.
    """

    def __init__(
        self, model: MultimodalModel, split: Split, arrays: Mapping[str, RawArray], *, batch_size: int
    ) -> None:
        self.names = tuple(model.names)
        self.batch_size = batch_size
        self.size = len(split)
        self.split = split
        self.arrays = dict(arrays)
        self.model = model
        self.tokens = {name: self._encode(name, arrays[name]) for name in self.names}

    def spoilt(self, name: str, array: RawArray) -> "EncodedModel":
        """The same with other examples of one modality (N, as many as there are)."""
        other = copy.copy(self)
        other.arrays = self.arrays | {name: array}
        other.tokens = self.tokens | {name: self._encode(name, array)}
        return other

    def lengths(self, row: int) -> list[int]:
        """The number of real tokens of each modality of an example."""
        return [int(self.tokens[name].mask[row].sum()) for name in self.names]

    def pooled(self, name: str) -> np.ndarray:
        """The mean real token of each example, (n, D); zero where it is missing."""
        x, mask, present = (part[:-1] for part in self.tokens[name])
        result: np.ndarray = Tokens(x, mask & present.unsqueeze(1), present).mean().float().numpy()
        return result

    def present(self) -> np.ndarray:
        """What the examples have of themselves, (n, M) bool."""
        return np.stack([self.tokens[name].present[:-1].numpy() for name in self.names], 1)

    def predict(
        self, rows: np.ndarray, present: np.ndarray | None = None, seen: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """Logits (B, C) or values (B,) of combinations: `rows` (B, M) names the example each modality comes from.

        `present` (B, M) takes modalities away, `seen` {modality: (B, N_m)} single tokens.
        """
        parts = []
        for start in range(0, len(rows), self.batch_size):
            part = slice(start, start + self.batch_size)
            prediction, _ = self.fuse(
                rows[part],
                None if present is None else present[part],
                None if seen is None else {name: mask[part] for name, mask in seen.items()},
            )
            parts.append(prediction.detach().float().numpy())  # majority returns a view of its parameter
        return np.concatenate(parts)

    def fuse(
        self, rows: np.ndarray, present: np.ndarray | None = None, seen: Mapping[str, np.ndarray] | None = None
    ) -> tuple[Tensor, Fused]:
        """What the model returns for one batch of such combinations."""
        here = np.ones(rows.shape, dtype=bool) if present is None else present
        inputs = {
            name: self._recall(name, rows[:, m], here[:, m], None if seen is None else seen[name])
            for m, name in enumerate(self.names)
        }
        with torch.no_grad():
            result: tuple[Tensor, Fused] = self.model(inputs)  # tokens go past the encoders
        return result

    def _recall(self, name: str, rows: np.ndarray, present: np.ndarray, seen: np.ndarray | None) -> Tokens:
        """What the encoder made of some examples, or of a missing one where nothing of the example is left."""
        tokens, index = self.tokens[name], torch.from_numpy(rows.astype(np.int64))
        gone = ~torch.from_numpy(np.ascontiguousarray(present))
        if seen is not None:
            kept = torch.from_numpy(seen)
            gone = gone | ~(tokens.mask[index] & kept).any(1)
        index = torch.where(gone, self.size, index)
        x, mask, there = (part[index] for part in tokens)
        return Tokens(x, mask if seen is None else mask & (kept | gone.unsqueeze(1)), there)

    def predict_present(self, present: np.ndarray) -> np.ndarray:
        """Outputs (n, C) of the examples with what `present` (n, M) leaves of them."""
        return self.predict(self.own_rows(), present)

    def own_rows(self) -> np.ndarray:
        """(n, M): every modality from the example itself."""
        return np.repeat(np.arange(self.size)[:, None], len(self.names), 1)

    def _encode(self, name: str, array: RawArray) -> Tokens:
        """All examples of one modality, and after them a missing one."""
        encoder, parts = self.model.encoder_of(name), []
        nothing = RawArray(np.zeros_like(array.x[:1]), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=bool))
        with torch.no_grad():
            for start in range(0, self.size, self.batch_size):
                rows = np.arange(start, min(start + self.batch_size, self.size))
                parts.append(encoder(array.gather(rows, trim=array.is_sequence)))
            parts.append(encoder(nothing.gather(np.arange(1), trim=array.is_sequence)))
        return joined(parts)


def joined(parts: Sequence[Tokens]) -> Tokens:
    """Batches of tokens one after the other, padded to the longest."""
    longest = max(part.x.shape[1] for part in parts)
    return Tokens(
        torch.cat([F.pad(part.x, (0, 0, 0, longest - part.x.shape[1])) for part in parts]),
        torch.cat([F.pad(part.mask, (0, longest - part.mask.shape[1])) for part in parts]),
        torch.cat([part.present for part in parts]),
    )
