"""Audio encoders: log-mel spectrogram, convolutions over time, and optionally a transformer."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.encoders.log_mel import LogMel
from interlace.nn.attention import zero_masked
from interlace.nn.positions import SinusoidalPositions
from interlace.nn.transformer import TransformerEncoder
from interlace.tokens import ModalitySpec, RawBatch, Tokens

POSITION_SCALE = 0.1  # added to layer-normalised tokens of unit variance: large enough to use, too small to dominate


class AudioCNN(nn.Module):
    """Convolutions of stride 2 over the frames of a log-mel spectrogram: (B, S) -> (B, N, D).

    Mel bands are channels, so that a frame keeps its absolute pitch. Each of the `num_stages` convolutions (kernel
    5, GELU between) halves the frame rate; a LayerNorm and sinusoidal positions follow. Frames after the end of the
    audio are zero before every convolution, so that padding has no influence.

    Parameters: 5 F D + D + (num_stages - 1) (5 D^2 + D) + 2 D. FLOPs for T frames, without the spectrogram:
    5 T F D + 10 D^2 sum over stages s > 1 of T / 2^s.
    """

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        dim: Annotated[int, Field(ge=1)],
        num_stages: Annotated[int, Field(ge=1)],
        window_ms: Annotated[float, Field(gt=0)],
        hop_ms: Annotated[float, Field(gt=0)],
        num_mels: Annotated[int, Field(ge=1)],
        floor: Annotated[float, Field(gt=0)],
        normalize: Literal["fixed", "utterance"],
    ) -> None:
        super().__init__()
        self.out_dim = dim
        self.log_mel = LogMel(
            spec=spec, window_ms=window_ms, hop_ms=hop_ms, num_mels=num_mels, floor=floor, normalize=normalize
        )
        self.stem = FrameConvolutions(num_mels=num_mels, dim=dim, num_stages=num_stages)
        length = self.stem.num_tokens(self.log_mel.num_frames(spec.shape[0]))
        self.positions = SinusoidalPositions(max_length=length, dim=dim, scale=POSITION_SCALE)

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw audio; tokens after the end of the audio are masked."""
        x, mask = self.stem(*self.log_mel(raw))
        return Tokens(zero_masked(self.positions(x), mask), mask, mask.any(1))


class AudioTransformer(nn.Module):
    """AudioCNN followed by L pre-norm transformer layers: (B, S) -> (B, N, D).

    Parameters, r = feed_forward_ratio: AudioCNN + L ((4 + 2 r) D^2 + (9 + r) D) + 2 D.
    FLOPs: AudioCNN + L ((8 + 4 r) N D^2 + 4 N^2 D).
    """

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        dim: Annotated[int, Field(ge=1)],
        num_stages: Annotated[int, Field(ge=1)],
        num_layers: Annotated[int, Field(ge=0)],
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
        window_ms: Annotated[float, Field(gt=0)],
        hop_ms: Annotated[float, Field(gt=0)],
        num_mels: Annotated[int, Field(ge=1)],
        floor: Annotated[float, Field(gt=0)],
        normalize: Literal["fixed", "utterance"],
    ) -> None:
        super().__init__()
        self.out_dim = dim
        self.frames = AudioCNN(
            spec=spec,
            dim=dim,
            num_stages=num_stages,
            window_ms=window_ms,
            hop_ms=hop_ms,
            num_mels=num_mels,
            floor=floor,
            normalize=normalize,
        )
        self.encoder = TransformerEncoder(
            dim=dim, num_layers=num_layers, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout
        )

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw audio; tokens after the end of the audio are masked."""
        x, mask, present = self.frames(raw)
        return Tokens(zero_masked(self.encoder(x, mask), mask), mask, present)


class FrameConvolutions(nn.Module):
    """Masked convolutions of stride 2 over time: (B, T, F) -> (B, ceil(T / 2^stages), D)."""

    def __init__(self, *, num_mels: int, dim: int, num_stages: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Conv1d(num_mels if index == 0 else dim, dim, 5, stride=2, padding=2) for index in range(num_stages)
        )
        self.norm = nn.LayerNorm(dim)

    def num_tokens(self, num_frames: int) -> int:
        """Number of tokens for `num_frames` frames."""
        return -(-num_frames // 2 ** len(self.stages))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens and mask at the lower rate; x (B, T, F) is zero where `mask` (B, T) is False."""
        x = x.transpose(1, 2)
        for index, stage in enumerate(self.stages):
            if index > 0:
                x = F.gelu(x).masked_fill(~mask.unsqueeze(1), 0.0)
            x = stage(x)
            # Position t of the output is centred on position 2 t of the input.
            mask = mask[:, 2 * torch.arange(x.shape[2], device=x.device)]
        return self.norm(x.transpose(1, 2)), mask
