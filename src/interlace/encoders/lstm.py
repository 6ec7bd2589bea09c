"""Text encoder: a recurrent network."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from interlace.encoders.text import text_mask, vocabulary_size
from interlace.errors import UserError
from interlace.nn.attention import zero_masked
from interlace.tokens import ModalitySpec, RawBatch, Tokens


class TextLSTM(nn.Module):
    """Embeddings, then an LSTM of L layers over the real tokens: ids (B, T) -> states (B, T, D).

    Sequences are packed, so that the backward direction of `bidirectional` (D / 2 units in each direction) starts at
    the last real token. Parameters: V D + 4 h (D + h + 2) for each layer and direction, with h = D or D / 2 units.
    FLOPs: 8 T h (D + h) for each layer and direction.
    """

    def __init__(
        self,
        *,
        spec: ModalitySpec,
        dim: Annotated[int, Field(ge=1)],
        num_layers: Annotated[int, Field(ge=1)],
        bidirectional: bool,
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__()
        if bidirectional and dim % 2:
            raise UserError(f"TextLSTM: dim={dim} cannot be split into two directions; choose an even number")
        self.out_dim = dim
        self.embedding = nn.Embedding(vocabulary_size(spec), dim, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(
            dim,
            dim // 2 if bidirectional else dim,
            num_layers=num_layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if num_layers > 1 else 0.0,
        )

    def forward(self, raw: RawBatch) -> Tokens:
        """Encode raw text; positions from `length` on are masked."""
        if torch.compiler.is_exporting():
            raise UserError(
                "encoder/text=lstm: it packs sequences by the values of their lengths, which an exported program "
                "cannot do; encoder/text=transformer can be exported"
            )
        mask = text_mask(raw)
        # An empty sequence cannot be packed: it is run as one padding token, which is masked afterwards.
        lengths = mask.sum(1).clamp_min(1).cpu()
        packed = pack_padded_sequence(
            self.dropout(self.embedding(raw.x)), lengths, batch_first=True, enforce_sorted=False
        )
        x, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=raw.x.shape[1])
        present = mask.any(1)
        return Tokens(zero_masked(x, mask), mask, present)
