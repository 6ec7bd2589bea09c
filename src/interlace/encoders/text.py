"""Text encoder: a transformer."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from interlace.errors import UserError
from interlace.nn.attention import zero_masked
from interlace.nn.positions import LearnedPositions
from interlace.nn.transformer import TransformerEncoder
from interlace.tokens import ModalitySpec, RawBatch, Tokens


class TextTransformer(nn.Module):
    """Embeddings + learned positions, then L pre-norm layers: ids (B, T) -> tokens (B, T, D).

    In training each word is dropped with probability `word_dropout` (Iyyer et al. 2015): its embedding is set to zero
    and its position is kept. `num_layers` = 0 gives normalised embeddings.
    Parameters, r = feed_forward_ratio: (V + T) D + L ((4 + 2 r) D^2 + (9 + r) D) + 2 D.
    FLOPs: L ((8 + 4 r) T D^2 + 4 T^2 D).
    """

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        dim: Annotated[int, Field(ge=1)],
        num_layers: Annotated[int, Field(ge=0)],
        num_heads: Annotated[int, Field(ge=1)],
        feed_forward_ratio: Annotated[int, Field(ge=1)],
        dropout: Annotated[float, Field(ge=0, lt=1)],
        word_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,  # absent from the configurations of older runs
    ) -> None:
        super().__init__()
        self.out_dim = dim
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(vocabulary_size(spec), dim, padding_idx=0)
        nn.init.normal_(self.embedding.weight[1:], std=0.02)
        self.positions = LearnedPositions(max_length=max(spec.shape[0], 1), dim=dim)
        self.encoder = TransformerEncoder(
            dim=dim, num_layers=num_layers, num_heads=num_heads, ratio=feed_forward_ratio, dropout=dropout
        )

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw text; positions from `length` on are masked."""
        mask = text_mask(raw)
        x = self.embedding(raw.x)  # (B, T, D)
        if self.training and self.word_dropout > 0:
            x = x * (torch.rand(x.shape[:2], device=x.device) >= self.word_dropout).unsqueeze(-1)
        x = self.positions(x)
        x = zero_masked(self.encoder(x, mask), mask)
        return Tokens(x, mask, mask.any(1))


def text_mask(raw: RawBatch) -> Tensor:
    """Return a mask (B, T) of the first `length` positions of the examples that are present."""
    length = torch.where(raw.present, raw.length, 0)
    return torch.arange(raw.x.shape[1], device=raw.x.device) < length.unsqueeze(1)


def vocabulary_size(spec: ModalitySpec) -> int:
    """Return the number of token ids, padding included. Raises UserError when the data do not provide it."""
    if spec.vocabulary_size is None:
        raise UserError("encoder.text: a text encoder needs the vocabulary size, which these data do not provide")
    return spec.vocabulary_size
