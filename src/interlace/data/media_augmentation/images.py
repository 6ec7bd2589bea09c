"""Augmentation of images and videos: RandAugment, random crops and flips."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2


class ImageAugmentation:
    """RandAugment (Cubuk et al. 2020), then a random crop with black padding, then a horizontal flip; each is optional.

    RandAugment applies `num_ops` of torchvision's 14 operations, drawn uniformly, all with the strength `magnitude`
    (0..30). `crop_padding` black pixels are added on every side, and a window of the original size is cropped. Left and
    right are flipped with `flip_probability` (0 for images of text, as a flip turns a b into a d). All frames of a
    video are changed in the same way.
    """

    def __init__(
        self,
        *,
        num_ops: Annotated[int, Field(ge=0)],
        magnitude: Annotated[int, Field(ge=0, le=30)],
        crop_padding: Annotated[int, Field(ge=0)],
        flip_probability: Annotated[float, Field(ge=0, le=1)],
    ) -> None:
        self.crop_padding = crop_padding
        self._rand_augment = v2.RandAugment(num_ops, magnitude, interpolation=InterpolationMode.BILINEAR)
        self._num_ops = num_ops
        self._flip = v2.RandomHorizontalFlip(flip_probability)

    def __call__(self, x: Tensor, seed: int) -> Tensor:
        """Augments an image (C, H, W) or the frames of a video (T, C, H, W), uint8, by `seed`; C is 1 or 3."""
        with torch.random.fork_rng(devices=[]):  # torchvision draws from the global generator only
            torch.default_generator.manual_seed(seed)
            if self._num_ops:
                x = self._rand_augment(x)
            if self.crop_padding:
                x = v2.RandomCrop(tuple(x.shape[-2:]), padding=self.crop_padding)(x)
            changed: Tensor = self._flip(x)
        return changed
