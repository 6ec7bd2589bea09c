"""Log-mel spectrograms of waveforms, computed on the model's device."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.functional import melscale_fbanks

from interlace.errors import UserError
from interlace.tokens import ModalitySpec, RawBatch, SpectrogramMasks


class LogMel(nn.Module):
    """Normalised log(max(mel power, floor)) of Hann-windowed frames (O'Shaughnessy mel scale, as torchaudio).

    A waveform (B, S) gives (B, T, F) with T = S // hop + 1 frames, centred on multiples of the hop; frames up to
    length // hop are real, the others zero. Samples from `length` on count as silence. `normalize` "fixed" is
    (log mel + 1) / 5, which maps waveforms in [-1, 1] to about [-2, 2] and keeps loudness; "utterance" subtracts each
    example's mean and divides by its standard deviation, both over its real frames. Masks that come with the audio
    (SpecAugment) are filled with the mean over its real frames. No parameters.
    """

    window: Tensor
    bands: Tensor

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        window_ms: Annotated[float, Field(gt=0)],
        hop_ms: Annotated[float, Field(gt=0)],
        num_mels: Annotated[int, Field(ge=1)],
        floor: Annotated[float, Field(gt=0)],
        normalize: Literal["fixed", "utterance"],
    ) -> None:
        super().__init__()
        if spec.sample_rate is None:
            raise UserError("encoder.audio: an audio encoder needs the sample rate, which these data do not provide")
        self.hop = max(1, round(spec.sample_rate * hop_ms / 1000))
        self.num_mels = num_mels
        self.floor = floor
        self.normalize = normalize
        self.window_length = max(2, round(spec.sample_rate * window_ms / 1000))
        num_bins = self.window_length // 2 + 1
        bands = melscale_fbanks(num_bins, 0.0, spec.sample_rate / 2, num_mels, spec.sample_rate)  # (bins, F)
        self.register_buffer("window", torch.hann_window(self.window_length), persistent=False)
        # Each row is repeated for the real and the imaginary part of its bin.
        self.register_buffer("bands", bands.repeat_interleave(2, 0), persistent=False)

    def num_frames(self, num_samples: int) -> int:
        """Number of frames of a waveform of `num_samples` samples."""
        return num_samples // self.hop + 1

    @torch.no_grad()
    def forward(self, raw: RawBatch) -> tuple[Tensor, Tensor]:
        """Return spectrograms (B, T, F), zero in masked frames, and the mask (B, T).

        The computation is in float32 at least, also if the module has a lower precision.
        """
        length = torch.where(raw.present, raw.length, 0)
        x = raw.x.to(torch.promote_types(self.bands.dtype, torch.float32))
        if raw.x.dtype == torch.int16:
            x = x / 32768.0
        samples = torch.arange(x.shape[1], device=x.device)
        x = torch.where(samples < length.unsqueeze(1), x, 0.0)
        with torch.autocast(x.device.type, enabled=False):  # powers exceed the range of half precision
            x = self._mel_power(x).clamp_min_(self.floor).log_()  # (B, T, F)
        frames = torch.where(length > 0, length // self.hop + 1, 0)
        mask = torch.arange(x.shape[1], device=x.device) < frames.unsqueeze(1)
        x = self._normalize(x, mask)
        if raw.masks is not None:
            x = apply_masks(x, mask, raw.masks)
        return torch.where(mask.unsqueeze(-1), x, 0.0).to(self.bands.dtype), mask

    def _mel_power(self, x: Tensor) -> Tensor:
        """Compute mel power (B, T, F) of (B, S): torchaudio's MelSpectrogram in a fraction of its time on a CPU.

        Real and imaginary parts are squared in place and summed by the product with the bands, whereas torch.abs takes
        a square root of each bin. The edges are padded with silence: reflection, torchaudio's default, would depend on
        the padding of the batch.
        """
        half = self.window_length // 2
        padded = F.pad(x, (half, half + self.window_length % 2))
        frames = padded.unfold(1, self.window_length, self.hop)[:, : self.num_frames(x.shape[1])] * self.window
        parts = torch.view_as_real(torch.fft.rfft(frames))  # (B, T, bins, 2)
        return parts.square_().flatten(2) @ self.bands.to(x.dtype)

    def _normalize(self, x: Tensor, mask: Tensor) -> Tensor:
        if self.normalize == "fixed":
            return (x + 1.0) / 5.0
        weights = mask.unsqueeze(-1) / (mask.sum(1).clamp_min(1)[:, None, None] * self.num_mels)  # (B, T, 1)
        mean = (x * weights).sum((1, 2), keepdim=True)
        variance = (torch.square(x - mean) * weights).sum((1, 2), keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt()


def apply_masks(x: Tensor, real: Tensor, masks: SpectrogramMasks) -> Tensor:
    """Fill the masked parts of spectrograms x (B, T, F) with the mean over the real frames, `real` (B, T), of each.

    A mask covers floor(width) frames (bands) from floor(start) on, as in torchaudio's TimeMasking and FrequencyMasking;
    SpecAugment (Park et al. 2019) fills with the mean as well, which is zero there.
    """
    frames = covered(masks.time, real.sum(1), x.shape[1])  # (B, T)
    bands = covered(masks.frequency, torch.full_like(real.sum(1), x.shape[2]), x.shape[2])  # (B, F)
    count = real.sum(1)[:, None, None].clamp_min(1) * x.shape[2]
    mean = torch.where(real.unsqueeze(-1), x, 0.0).sum((1, 2), keepdim=True) / count
    return torch.where(frames.unsqueeze(-1) | bands.unsqueeze(1), mean, x)


def covered(masks: Tensor, size: Tensor, width: int) -> Tensor:
    """Return a mask (B, width) of the positions that the masks (B, K, 2) cover in examples of `size` (B,) positions."""
    start, extent = (masks * size[:, None, None]).long().unbind(-1)  # (B, K)
    positions = torch.arange(width, device=masks.device)
    return ((positions >= start.unsqueeze(-1)) & (positions < (start + extent).unsqueeze(-1))).any(1)
