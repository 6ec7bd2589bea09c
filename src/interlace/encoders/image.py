"""Image encoder: a small convolutional network."""

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from interlace.nn.precision import weight_dtype
from interlace.tokens import ModalitySpec, RawBatch, Tokens


class ImageCNN(nn.Module):
    """Convolutions of stride 2, then one token per cell of the remaining grid: uint8 (B, C, H, W) -> (B, N, D).

    Each of the S = len(channels) + 1 stages is a 3 x 3 convolution of stride 2, so that N = ceil(H / 2^S) *
    ceil(W / 2^S): 32 x 32 pixels give 4 x 4 tokens with two channel counts; 1 x 1 gives one token. ReLU separates the
    stages. A learned vector for the row and one for the column are added, then a LayerNorm follows. Images of another
    size than the data's are resized.

    Parameters: sum over stages of 9 c_in c_out + c_out, + (rows + columns + 2) D.
    FLOPs: sum over stages s of 18 c_in c_out ceil(H / 2^s) ceil(W / 2^s).
    """

    def __init__(
        self, *, spec: ModalitySpec, dim: Annotated[int, Field(ge=1)], channels: list[Annotated[int, Field(ge=1)]]
    ) -> None:
        super().__init__()
        self.out_dim = dim
        self.size = (spec.shape[1], spec.shape[2])
        widths = [spec.shape[0], *channels, dim]
        self.stages = nn.ModuleList(
            nn.Conv2d(inner, outer, 3, stride=2, padding=1) for inner, outer in pairwise(widths)
        )
        rows, columns = (-(-side // 2 ** len(self.stages)) for side in self.size)
        self.rows = nn.Embedding(rows, dim)
        self.columns = nn.Embedding(columns, dim)
        for embedding in (self.rows, self.columns):
            nn.init.normal_(embedding.weight, std=0.02)
        self.norm = nn.LayerNorm(dim)

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw images, tokens in row-major order; all tokens of a missing image are masked."""
        x = scale_pixels(raw.x, self.size).to(weight_dtype(self))
        for index, stage in enumerate(self.stages):
            x = stage(x if index == 0 else F.relu(x))
        x = x.flatten(2).transpose(1, 2)  # (B, N, D)
        positions = (self.rows.weight[:, None] + self.columns.weight).flatten(0, 1)  # (N, D)
        return image_tokens(self.norm(x + positions), raw.present & (raw.length > 0))


def scale_pixels(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert uint8 pixels (B, C, H, W) to floats in [-1, 1] of height and width `size`."""
    x = x.float() * (2.0 / 255.0) - 1.0
    if tuple(x.shape[-2:]) != size:
        x = F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)
    return x


def image_tokens(x: Tensor, present: Tensor) -> Tokens:
    """Return x (B, N, D) as Tokens: all real, or all masked and zero where the image is missing."""
    x = torch.where(present[:, None, None], x, 0.0)
    return Tokens(x, present.unsqueeze(1).expand(-1, x.shape[1]), present)
