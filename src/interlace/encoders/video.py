"""Video encoder: an image encoder for every frame, then a transformer over time."""

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.nn.attention import zero_masked
from interlace.nn.positions import SinusoidalPositions
from interlace.nn.precision import weight_dtype
from interlace.nn.transformer import TransformerEncoder
from interlace.tokens import ModalitySpec, RawBatch, Tokens

POSITION_SCALE = 0.3  # of sinusoidal positions added to tokens of about unit variance


class VideoFrames(nn.Module):
    """Frames uint8 (B, T, C, H, W) -> tokens (B, F n, D), n tokens for each of F frames, in temporal order.

    `image` builds the image encoder from a spec; all frames share its weights. At most `num_frames` = F frames of a
    video are used, the middles of F equal parts (null: all); shorter videos are masked after their end. A frame is
    encoded with its neighbours, `window` frames in total stacked as channels (the first and last repeated at the ends):
    with 3 the first convolution sees motion, with 1 (needed by encoders for three channels) only the layers over time
    do. With `pool` a frame is one token, the mean over the image encoder's tokens (n = 1), else all of them. Sinusoidal
    positions in time are added, then `num_layers` pre-norm transformer layers follow over all tokens of the video (the
    joint space-time attention of Arnab et al. 2021, section 3.3; with `pool`, the late temporal encoder of their model
    2).

    Parameters, r = feed_forward_ratio: image encoder + L ((4 + 2 r) D^2 + (9 + r) D) + 2 D.
    FLOPs, N = F n: F images + L ((8 + 4 r) N D^2 + 4 N^2 D).
    """

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        image: Callable[..., nn.Module],
        num_frames: Annotated[int, Field(ge=1)] | None,
        window: Literal[1, 3, 5],
        pool: bool,
        num_layers: Annotated[int, Field(ge=0)],
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__()
        longest, channels, *sides = spec.shape
        self.num_frames = longest if num_frames is None else min(num_frames, longest)
        self.window = window
        self.pool = pool
        self.image = image(spec=ModalitySpec("image", (channels * window, *sides)))
        self.out_dim = dim = int(self.image.out_dim)  # type: ignore[arg-type]
        self.positions = SinusoidalPositions(max_length=self.num_frames, dim=dim, scale=POSITION_SCALE)
        self.encoder = TransformerEncoder(
            dim=dim, num_layers=num_layers, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout
        )

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw videos; tokens of frames after a video's end are masked."""
        length = torch.where(raw.present, raw.length, 0)
        index, real = frame_indices(length, min(self.num_frames, raw.x.shape[1]))  # (B, F)
        x = self._encode(raw.x, index, real)  # (B, F, n, D)
        if self.pool:
            x = x.mean(2, keepdim=True)
        at = self.positions(x.new_zeros(1, x.shape[1], x.shape[3])).squeeze(0)  # (F, D)
        mask = real.unsqueeze(-1).expand(-1, -1, x.shape[2]).flatten(1)  # (B, F n)
        x = zero_masked((x + at[:, None]).flatten(1, 2), mask)
        x = zero_masked(self.encoder(x, mask), mask)
        return Tokens(x, mask, mask.any(1))

    def _encode(self, video: Tensor, index: Tensor, real: Tensor) -> Tensor:
        """Encode the frames `index` (B, F) of (B, T, C, H, W) as (B, F, n, D), zero for frames that are not real.

        Only real frames are encoded: the others would cost as much and change the statistics of a BatchNorm. An export
        encodes all, since its shapes cannot depend on values.
        """
        if torch.compiler.is_exporting():
            return self._encode_all(video, index, real)
        row, position = real.nonzero(as_tuple=True)  # (K,) each
        reach = self.window // 2
        near = position.unsqueeze(1) + torch.arange(-reach, reach + 1, device=position.device)  # (K, window)
        near = near.clamp_min(0).minimum(real.sum(1)[row].unsqueeze(1) - 1)
        images = video[row.unsqueeze(1), index[row.unsqueeze(1), near]].flatten(1, 2)  # (K, window C, H, W)
        if not len(images):
            return video.new_zeros((*real.shape, 1, self.out_dim), dtype=weight_dtype(self))
        present = real.new_ones(len(images))
        x = self.image(RawBatch(images, present.long(), present)).x  # (K, n, D)
        return x.new_zeros((*real.shape, *x.shape[1:])).masked_scatter(real[..., None, None], x)

    def _encode_all(self, video: Tensor, index: Tensor, real: Tensor) -> Tensor:
        reach, count = self.window // 2, real.shape[1]
        near = torch.arange(count, device=real.device).unsqueeze(1) + torch.arange(
            -reach, reach + 1, device=real.device
        )  # (F, window)
        last = (real.sum(1) - 1).clamp_min(0)[:, None, None]
        near = torch.minimum(near.clamp_min(0), last)  # (B, F, window)
        frames = index.gather(1, near.flatten(1)).view_as(near)
        rows = torch.arange(real.shape[0], device=real.device)[:, None, None]
        images = video[rows, frames].flatten(2, 3).flatten(0, 1)  # (B F, window C, H, W)
        present = real.flatten()
        x = self.image(RawBatch(images, present.long(), present)).x  # (B F, n, D)
        return torch.where(real[..., None, None], x.unflatten(0, (-1, count)), 0.0)


def frame_indices(length: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Return the indices of the frames to encode, (B, num) int64, and a mask of those that exist, (B, num) bool.

    All frames of a video of up to `num` frames; for a longer one, the middles of `num` equal parts.
    """
    position = torch.arange(num, device=length.device)
    middles = (2 * position + 1) * length.unsqueeze(1) // (2 * num)
    index = torch.where(length.unsqueeze(1) > num, middles, position)
    real = position < length.unsqueeze(1)
    return torch.where(real, index, 0), real
