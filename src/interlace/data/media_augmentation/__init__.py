"""Augmentation of images and audio, and mixup, for training."""

from interlace.data.media_augmentation.augmentation import MediaAugmentation
from interlace.data.media_augmentation.rows import AugmentedRows

__all__ = ["AugmentedRows", "MediaAugmentation"]
