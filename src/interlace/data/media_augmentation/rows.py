"""Training rows with augmented media."""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from interlace.data.media_augmentation.augmentation import MediaAugmentation
from interlace.data.media_augmentation.mixup import Mixup, mix, mixed_target
from interlace.data.split import Split
from interlace.tokens import ModalitySpec, Raw

PICTURES, NOISE, MASKS, MIXUP = range(4)  # each draws numbers of its own, so that one does not change another's


class AugmentedRows(Split):
    """The rows of a training split, changed as (seed, epoch, row) says; what a BatchLoader reads.

    With mixup a batch has "target" beside "label": (B, C) shares of classes, or (B,) numbers where `num_classes` is
    None.
    """

    def __init__(
        self,
        split: Split,
        augmentation: MediaAugmentation,
        modalities: Mapping[str, ModalitySpec],
        *,
        num_classes: int | None,
        seed: int,
    ) -> None:
        self.__dict__.update(split.__dict__)
        self.original = split
        self.augmentation = augmentation
        self.kinds = {name: modalities[name].kind for name in split.arrays}
        self.num_classes = num_classes
        self.media_seed = seed
        self.media_epoch = 0
        self._partners: tuple[int, np.ndarray, list[np.ndarray]] | None = None
        if hasattr(split, "order"):  # of its own, such as buckets of like length
            self.order = split.order

    def set_epoch(self, epoch: int) -> None:
        """Chooses the changes of the following batches."""
        self.media_epoch = epoch
        set_epoch = getattr(self.original, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch)

    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """Rows `indices` as the split's own batch, with changed inputs."""
        indices = np.asarray(indices, dtype=np.int64)
        batch = self._changed(indices)
        if self.augmentation.mixup is not None:
            self._mix(batch, indices, self.augmentation.mixup)
        if self.augmentation.spectrograms is not None:
            for name in [name for name, kind in self.kinds.items() if kind == "audio"]:
                masks = self.augmentation.spectrograms.masks([self._rng(int(i), MASKS, name) for i in indices])
                batch["inputs"][name] = batch["inputs"][name]._replace(masks=masks)
        return batch

    def _rng(self, row: int, part: int, name: str) -> np.random.Generator:
        """By the modality's name: what a model does not use changes nothing of the others."""
        key = [self.media_seed, self.media_epoch, row, part, zlib.crc32(name.encode())]
        return np.random.Generator(np.random.PCG64(key))

    def _changed(self, indices: np.ndarray) -> dict[str, Any]:
        batch = self.original.batch(indices)
        for name, kind in self.kinds.items():
            if self.augmentation.pictures is not None and kind in ("image", "video"):
                self._change_pictures(batch["inputs"][name], name, indices)
            if self.augmentation.noise is not None and kind == "audio":
                batch["inputs"][name] = self._with_noise(batch["inputs"][name], name, indices)
        return batch

    def _change_pictures(self, raw: Raw, name: str, indices: np.ndarray) -> None:
        """In place: a batch is gathered anew every time."""
        assert self.augmentation.pictures is not None
        for place, row in enumerate(indices):
            real = raw.x[place, : raw.length[place]] if self.kinds[name] == "video" else raw.x[place]
            if raw.present[place] and raw.length[place] > 0:
                seed = int(self._rng(int(row), PICTURES, name).integers(2**63))
                real.copy_(self.augmentation.pictures(real, seed))

    def _with_noise(self, raw: Raw, name: str, indices: np.ndarray) -> Raw:
        """In float32, since rounding and clipping would be noise of their own."""
        assert self.augmentation.noise is not None
        x = raw.x.float() / 32768.0 if raw.x.dtype == torch.int16 else raw.x
        for place, row in enumerate(indices):
            if raw.present[place] and raw.length[place] > 0:
                real = x[place, : raw.length[place]]
                real.copy_(self.augmentation.noise(real, self._rng(int(row), NOISE, name)))
        return raw._replace(x=x)

    def _mix(self, batch: dict[str, Any], indices: np.ndarray, mixup: Mixup) -> None:
        pattern, members = self._alike()
        drawn = [mixup.draw(self._rng(int(row), MIXUP, ""), members[pattern[row]]) for row in indices]
        partners = self._changed(np.array([partner for partner, _ in drawn]))
        weight: Tensor = torch.tensor([weight for _, weight in drawn])
        for name, raw in batch["inputs"].items():
            batch["inputs"][name] = mix(raw, partners["inputs"][name], weight)
        batch["target"] = mixed_target(batch["label"], partners["label"], weight, self.num_classes)

    def _alike(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """Which modalities each row has in this epoch, as a number (N,), and the rows of each number."""
        if self._partners is None or self._partners[0] != self.media_epoch:
            _, pattern = np.unique(self.original.presence(), axis=0, return_inverse=True)
            members = [np.flatnonzero(pattern == each) for each in range(pattern.max() + 1)]
            self._partners = (self.media_epoch, pattern, members)
        return self._partners[1:]
