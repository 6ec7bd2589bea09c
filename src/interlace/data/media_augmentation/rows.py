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
from interlace.tokens import ModalitySpec, RawBatch

PICTURES, NOISE, MASKS, MIXUP = range(4)  # independent random streams, so that the parts do not affect each other


class AugmentedRows(Split):
    """The rows of a training split, augmented as a function of (seed, epoch, row), for a BatchLoader.

    With mixup a batch has "target" beside "label": shares (B, C) of classes, or numbers (B,) if `num_classes` is None.
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
        if hasattr(split, "order"):  # an order of its own, such as buckets of similar length
            self.order = split.order

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, which determines the augmentation of the following batches."""
        self.media_epoch = epoch
        set_epoch = getattr(self.original, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch)

    def batch(self, indices: np.ndarray) -> dict[str, Any]:
        """The split's batch of the rows `indices`, with augmented inputs."""
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
        """A generator keyed by the modality's name, so that the modalities of a model do not affect each other."""
        key = [self.media_seed, self.media_epoch, row, part, zlib.crc32(name.encode())]
        return np.random.Generator(np.random.PCG64(key))

    def _changed(self, indices: np.ndarray) -> dict[str, Any]:
        batch = self.original.batch(indices)
        for name, kind in self.kinds.items():
            if self.augmentation.images is not None and kind in ("image", "video"):
                self._change_images(batch["inputs"][name], name, indices)
            if self.augmentation.noise is not None and kind == "audio":
                batch["inputs"][name] = self._with_noise(batch["inputs"][name], name, indices)
        return batch

    def _change_images(self, raw: RawBatch, name: str, indices: np.ndarray) -> None:
        """Augment images in place, which is safe as every batch is a new copy."""
        assert self.augmentation.images is not None
        for position, row in enumerate(indices):
            real = raw.x[position, : raw.length[position]] if self.kinds[name] == "video" else raw.x[position]
            if raw.present[position] and raw.length[position] > 0:
                seed = int(self._rng(int(row), PICTURES, name).integers(2**63))
                real.copy_(self.augmentation.images(real, seed))

    def _with_noise(self, raw: RawBatch, name: str, indices: np.ndarray) -> RawBatch:
        """Add noise in float32, since rounding and clipping would add noise of their own."""
        assert self.augmentation.noise is not None
        x = raw.x.float() / 32768.0 if raw.x.dtype == torch.int16 else raw.x
        for position, row in enumerate(indices):
            if raw.present[position] and raw.length[position] > 0:
                real = x[position, : raw.length[position]]
                real.copy_(self.augmentation.noise(real, self._rng(int(row), NOISE, name)))
        return raw._replace(x=x)

    def _mix(self, batch: dict[str, Any], indices: np.ndarray, mixup: Mixup) -> None:
        pattern, members = self._presence_patterns()
        drawn = [mixup.draw(self._rng(int(row), MIXUP, ""), members[pattern[row]]) for row in indices]
        partners = self._changed(np.array([partner for partner, _ in drawn]))
        weight: Tensor = torch.tensor([weight for _, weight in drawn])
        for name, raw in batch["inputs"].items():
            batch["inputs"][name] = mix(raw, partners["inputs"][name], weight)
        batch["target"] = mixed_target(batch["label"], partners["label"], weight, self.num_classes)

    def _presence_patterns(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """The pattern (N,) of present modalities of each row in this epoch, as a number, and the rows of each."""
        if self._partners is None or self._partners[0] != self.media_epoch:
            _, pattern = np.unique(self.original.presence(), axis=0, return_inverse=True)
            members = [np.flatnonzero(pattern == number) for number in range(pattern.max() + 1)]
            self._partners = (self.media_epoch, pattern, members)
        return self._partners[1:]
