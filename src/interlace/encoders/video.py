"""Videos: every frame through one image encoder, then the frames in their order."""

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.nn.attention import zero_masked
from interlace.nn.positions import SinusoidalPositions
from interlace.nn.precision import weight_dtype
from interlace.nn.transformer import TransformerEncoder
from interlace.tokens import ModalitySpec, Raw, Tokens

POSITION_SCALE = 0.3  # of sinusoids beside tokens of about unit variance


class VideoFrames(nn.Module):
    """Frames uint8 (B, T, C, H, W) -> tokens (B, F n, D), frame by frame, n tokens each of which knows its frame.

    `image` makes the encoder of pictures from their spec; its weights are shared by all frames. At most `num_frames` =
    F of a video's frames are looked at, the middles of F equal parts of it (null: all); shorter videos are masked
    behind their end. A frame is shown with its neighbours, `window` frames in all stacked as channels (the first and
    last repeated at the ends): with 3 the first convolution sees motion, with 1 (which encoders made for three
    channels need) only the layers over time can. With `pool` a frame is one token, the mean of the image encoder's,
    else all of them (n). Sinusoidal positions in time follow, then `num_layers` pre-norm transformer layers over
    all tokens of the video (the joint space-time attention of Arnab et al. 2021, section 3.3; with `pool`, the late
    temporal encoder of their model 2). Parameters: image encoder + L layers + 2 D. Cost: F pictures, and attention
    over F n tokens.
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

    def forward(self, raw: Raw) -> Tokens:
        """Raw videos -> Tokens; tokens of frames after a video's end are masked."""
        length = torch.where(raw.present, raw.length, 0)
        index, real = chosen_frames(length, min(self.num_frames, raw.x.shape[1]))  # (B, F)
        x = self._encode(raw.x, index, real)  # (B, F, n, D)
        if self.pool:
            x = x.mean(2, keepdim=True)
        at = self.positions(x.new_zeros(1, x.shape[1], x.shape[3])).squeeze(0)  # (F, D)
        mask = real.unsqueeze(-1).expand(-1, -1, x.shape[2]).flatten(1)  # (B, F n)
        x = zero_masked((x + at[:, None]).flatten(1, 2), mask)
        x = zero_masked(self.encoder(x, mask), mask)
        return Tokens(x, mask, mask.any(1))

    def _encode(self, video: Tensor, index: Tensor, real: Tensor) -> Tensor:
        """Frames `index` (B, F) of (B, T, C, H, W) -> the image encoder's tokens (B, F, n, D), zero where none is real.

        Only real frames are encoded: the others would cost as much, and enter the statistics of a BatchNorm.
        """
        row, place = real.nonzero(as_tuple=True)  # (K,) each
        reach = self.window // 2
        near = place.unsqueeze(1) + torch.arange(-reach, reach + 1, device=place.device)  # (K, window)
        near = near.clamp_min(0).minimum(real.sum(1)[row].unsqueeze(1) - 1)
        shown = video[row.unsqueeze(1), index[row.unsqueeze(1), near]].flatten(1, 2)  # (K, window C, H, W)
        if not len(shown):
            return video.new_zeros((*real.shape, 1, self.out_dim), dtype=weight_dtype(self))
        there = real.new_ones(len(shown))
        x = self.image(Raw(shown, there.long(), there)).x  # (K, n, D)
        return x.new_zeros((*real.shape, *x.shape[1:])).masked_scatter(real[..., None, None], x)


def chosen_frames(length: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Which frames are looked at, (B, num) int64, and whether there is one, (B, num) bool.

    All of a video of up to `num` frames; of a longer one, the middles of `num` equal parts.
    """
    place = torch.arange(num, device=length.device)
    spread = (2 * place + 1) * length.unsqueeze(1) // (2 * num)
    index = torch.where(length.unsqueeze(1) > num, spread, place)
    real = place < length.unsqueeze(1)
    return torch.where(real, index, 0), real
