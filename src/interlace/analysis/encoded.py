"""A trained model with its examples encoded once, so that further predictions run only the fusion."""

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from lightning_fabric.utilities import move_data_to_device
from torch import Tensor
from torch.nn import functional as F

from interlace.assembly.finished import device_of_model
from interlace.data.arrays import RawArray
from interlace.data.split import Split
from interlace.tasks.supervised import MultimodalModel
from interlace.tokens import Fused, RawBatch, Tokens


class EncodedModel:
    """MultimodalModel with the n examples of a split; each encoder is run once on `arrays`.

    Predictions are exact, since an encoder's output for an example does not depend on the rest of the batch. The
    computation between encoders and head (missing tokens, fusion) is done in every call by the model itself. Tokens
    lie on the CPU, and go to the device of the model by batches.
    """

    def __init__(
        self, model: MultimodalModel, split: Split, arrays: Mapping[str, RawArray], *, batch_size: int
    ) -> None:
        self.names = tuple(model.names)
        self.batch_size = batch_size
        self.size = len(split)
        self.split = split
        self.arrays = dict(arrays)
        self.model, self.device = model, device_of_model(model)
        self.tokens = {name: self._encode(name, arrays[name]) for name in self.names}

    def with_modality(self, name: str, array: RawArray) -> "EncodedModel":
        """Return a copy with other examples of one modality, as many as before."""
        other = copy.copy(self)
        other.arrays = self.arrays | {name: array}
        other.tokens = self.tokens | {name: self._encode(name, array)}
        return other

    def lengths(self, row: int) -> list[int]:
        """Return the number of real tokens of each modality of an example."""
        return [int(self.tokens[name].mask[row].sum()) for name in self.names]

    def pooled(self, name: str) -> np.ndarray:
        """Return the mean real token of each example, (n, D); zero where the modality is missing."""
        x, mask, present = (part[:-1] for part in self.tokens[name])
        result: np.ndarray = Tokens(x, mask & present.unsqueeze(1), present).mean().float().numpy()
        return result

    def present(self) -> np.ndarray:
        """Return the presence of each modality in each example, (n, M) bool."""
        return np.stack([self.tokens[name].present[:-1].numpy() for name in self.names], 1)

    def predict(
        self, rows: np.ndarray, present: np.ndarray | None = None, seen: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """Return logits (B, C) or values (B,) of combinations; `rows` (B, M) is the example each modality comes from.

        `present` (B, M) False removes modalities, `seen` {modality: (B, N_m)} False single tokens.
        """
        parts = []
        for start in range(0, len(rows), self.batch_size):
            part = slice(start, start + self.batch_size)
            prediction, _ = self.fuse(
                rows[part],
                None if present is None else present[part],
                None if seen is None else {name: mask[part] for name, mask in seen.items()},
            )
            parts.append(prediction.detach().float().cpu().numpy())  # detach: majority returns a view of its parameter
        return np.concatenate(parts)

    def fuse(
        self, rows: np.ndarray, present: np.ndarray | None = None, seen: Mapping[str, np.ndarray] | None = None
    ) -> tuple[Tensor, Fused]:
        """Return the model's output for one batch of combinations; the arguments are those of `predict`."""
        here = np.ones(rows.shape, dtype=bool) if present is None else present
        inputs = {
            name: self._recall(name, rows[:, m], here[:, m], None if seen is None else seen[name])
            for m, name in enumerate(self.names)
        }
        with torch.no_grad():
            result: tuple[Tensor, Fused] = self.model(inputs)  # tokens bypass the encoders
        return result

    def _recall(self, name: str, rows: np.ndarray, present: np.ndarray, seen: np.ndarray | None) -> Tokens:
        """Return the stored tokens of some examples, and those of a missing example where no token is left."""
        tokens, index = self.tokens[name], torch.from_numpy(rows.astype(np.int64))
        missing = ~torch.from_numpy(np.ascontiguousarray(present))
        if seen is not None:
            kept = torch.from_numpy(seen)
            missing = missing | ~(tokens.mask[index] & kept).any(1)
        index = torch.where(missing, self.size, index)
        x, mask, is_present = (part[index] for part in tokens)
        shown = mask if seen is None else mask & (kept | missing.unsqueeze(1))
        return Tokens(*(part.to(self.device) for part in (x, shown, is_present)))

    def predict_present(self, present: np.ndarray) -> np.ndarray:
        """Return the outputs (n, C) of the examples with only the modalities in `present` (n, M)."""
        return self.predict(self.own_rows(), present)

    def own_rows(self) -> np.ndarray:
        """Return rows (n, M) in which every modality comes from the example itself."""
        return np.repeat(np.arange(self.size)[:, None], len(self.names), 1)

    def _encode(self, name: str, array: RawArray) -> Tokens:
        """Encode all examples of one modality and, last, a missing one."""
        encoder, parts = self.model.encoder_of(name), []
        missing = RawArray(np.zeros_like(array.x[:1]), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=bool))
        with torch.no_grad():
            for start in range(0, self.size, self.batch_size):
                rows = np.arange(start, min(start + self.batch_size, self.size))
                parts.append(encoder(self._there(array.gather(rows, trim=array.is_sequence))))
            parts.append(encoder(self._there(missing.gather(np.arange(1), trim=array.is_sequence))))
        return joined([Tokens(*(part.cpu() for part in tokens)) for tokens in parts])

    def _there(self, raw: RawBatch) -> RawBatch:
        """Return a batch on the device of the model."""
        moved: RawBatch = move_data_to_device(raw, self.device)
        return moved


def joined(parts: Sequence[Tokens]) -> Tokens:
    """Concatenate batches of tokens, padded to the longest."""
    longest = max(part.x.shape[1] for part in parts)
    return Tokens(
        torch.cat([F.pad(part.x, (0, 0, 0, longest - part.x.shape[1])) for part in parts]),
        torch.cat([F.pad(part.mask, (0, longest - part.mask.shape[1])) for part in parts]),
        torch.cat([part.present for part in parts]),
    )
