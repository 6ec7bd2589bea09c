"""Augmentation of audio: noise at a signal-to-noise ratio, and the masks of SpecAugment."""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torchaudio.functional import add_noise

from interlace.errors import UserError
from interlace.tokens import SpectrogramMasks


class NoiseAugmentation:
    """White Gaussian noise at a ratio drawn uniformly from [min_snr_db, max_snr_db], with `probability` per sound.

    The ratio is exact: it is that of the energies of the sound and of its noise over the real samples, without padding.
    Silence stays silent, as no ratio to it is defined.
    """

    def __init__(
        self, *, min_snr_db: float, max_snr_db: float, probability: Annotated[float, Field(ge=0, le=1)]
    ) -> None:
        if min_snr_db > max_snr_db:
            raise UserError(
                f"media_augmentation.noise: min_snr_db={min_snr_db} is above max_snr_db={max_snr_db}; swap them"
            )
        self.min_snr_db = min_snr_db
        self.max_snr_db = max_snr_db
        self.probability = probability

    def __call__(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Returns the real samples (S,) of one sound, float, with noise."""
        draw, position = rng.random(2)
        if draw >= self.probability:
            return x
        snr_db = self.min_snr_db + position * (self.max_snr_db - self.min_snr_db)
        noise = torch.from_numpy(rng.standard_normal(len(x)))
        return add_noise(x.double(), noise, torch.tensor(snr_db, dtype=torch.float64)).to(x.dtype)


class SpecAugment:
    """Masks over time and over mel bands (Park et al. 2019, without time warping), in the encoder's spectrogram.

    The width of each mask is drawn uniformly from 0 to a share of the real frames, or of the bands, and then its start
    uniformly from the positions where it fits. (The paper's F = 27 of 80 bands is a share of 0.34; time masks that grow
    with the length are Park et al. 2020.) The shares of all masks of a kind sum to less than 1, so that masks never
    cover a whole sound.
    """

    def __init__(
        self,
        *,
        num_time_masks: Annotated[int, Field(ge=0)],
        max_time_share: Annotated[float, Field(ge=0, lt=1)],
        num_frequency_masks: Annotated[int, Field(ge=0)],
        max_frequency_share: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        for kind, num, share in (
            ("time", num_time_masks, max_time_share),
            ("frequency", num_frequency_masks, max_frequency_share),
        ):
            if num * share >= 1:
                raise UserError(
                    f"media_augmentation.spectrograms: {num} {kind} masks of up to {share} could cover a whole sound; "
                    f"num_{kind}_masks times max_{kind}_share must be below 1"
                )
        self.num_time_masks = num_time_masks
        self.max_time_share = max_time_share
        self.num_frequency_masks = num_frequency_masks
        self.max_frequency_share = max_frequency_share

    def masks(self, rngs: list[np.random.Generator]) -> SpectrogramMasks:
        """Draws the masks of one sound per generator."""
        time = np.stack([_spans(rng, self.num_time_masks, self.max_time_share) for rng in rngs])
        frequency = np.stack([_spans(rng, self.num_frequency_masks, self.max_frequency_share) for rng in rngs])
        return SpectrogramMasks(torch.from_numpy(time), torch.from_numpy(frequency))


def _spans(rng: np.random.Generator, num: int, share: float) -> np.ndarray:
    """Start and width of `num` masks, (num, 2) float32 in [0, 1)."""
    width, start = rng.random((2, num)) * [[share], [1.0]]
    return np.stack([start * (1.0 - width), width], 1).astype(np.float32)
