"""Recurrent baseline: pooled vectors of the other modalities at every step of a sequence."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from interlace.fusion.base import Fusion, presence
from interlace.fusion.film import modality_index
from interlace.nn.attention import zero_masked
from interlace.nn.pooling import masked_mean
from interlace.tokens import Fused, Tokens


class RecurrentFusion(Fusion):
    """LSTM over one modality's tokens with the pooled vectors of all others repeated at each step (par-inject of Tanti
    et al. 2018; LRCN, Donahue et al. 2015).

    The tokens of the modality `time` (None: the first) are the time steps: v_t = [x_t; z_m for all other m] (B, T, S),
    z_m the mean of the real tokens of m; v goes through L LSTM layers of D units. h (B, D) is the state after the last
    real token, or with `readout` "mean" the mean of the states. With encoder/text=lstm the model is: text LSTM, pooled
    image and audio vectors repeated over time and concatenated, LSTM; the softmax is in the head.

    Padding is never read: real tokens are moved to the front and sequences are packed. A missing modality is a zero
    vector; where the modality `time` is missing, the LSTM takes one step on the others. All missing: h is zero.

    Parameters, S = sum_m d_m: 4 D (S + D + 2) + (L - 1) 4 D (2 D + 2).
    FLOPs, T tokens: 8 T D (S + D) + (L - 1) 16 T D^2.
    """

    def __init__(
        self,
        *,
        in_dims: dict[str, int],
        dim: Annotated[int, Field(ge=1)],
        num_classes: int | None,
        time: str | None,
        num_layers: Annotated[int, Field(ge=1)],
        readout: Literal["last", "mean"],
        dropout: Annotated[float, Field(ge=0, lt=1)],
    ) -> None:
        super().__init__(in_dims=in_dims, dim=dim, num_classes=num_classes)
        self.time = modality_index(self.names, time, "RecurrentFusion: time")
        self.num_layers = num_layers
        self.readout = readout
        self.lstm = nn.LSTM(
            sum(in_dims.values()),
            dim,
            num_layers=num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(dropout)

    def fuse(self, tokens: list[Tokens]) -> Fused:
        some = presence(tokens).any(1)  # (B,)
        x, lengths = left_aligned(tokens[self.time].x, tokens[self.time].mask)
        length = x.shape[1]
        pooled = [masked_mean(each.x, each.mask) for index, each in enumerate(tokens) if index != self.time]
        v = torch.cat([x, *(z.unsqueeze(1).expand(-1, length, -1) for z in pooled)], 2)  # (B, T, S)
        # An empty sequence cannot be packed: it takes one step on zeros concatenated with the pooled vectors.
        lengths = lengths.clamp_min(1)
        if torch.compiler.is_exporting():  # packing depends on values; a state depends on earlier steps only
            states = self.lstm(v)[0]
        else:
            packed = pack_padded_sequence(self.dropout(v), lengths.cpu(), batch_first=True, enforce_sorted=False)
            states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=length)
        mask = (torch.arange(length, device=v.device) < lengths.unsqueeze(1)) & some.unsqueeze(1)
        states = zero_masked(states, mask)  # (B, T, D)
        if self.readout == "last":
            h = states[torch.arange(states.shape[0], device=v.device), lengths - 1]
        else:
            h = masked_mean(states, mask)
        return Fused(states, mask, h, None, {})

    def expected_parameters(self) -> int:
        first = 4 * self.dim * (sum(self.in_dims.values()) + self.dim + 2)
        return first + (self.num_layers - 1) * 4 * self.dim * (2 * self.dim + 2)

    def flops(self, num_tokens: dict[str, int]) -> int:
        steps = num_tokens[self.names[self.time]]
        first = 8 * steps * self.dim * (sum(self.in_dims.values()) + self.dim)
        return first + (self.num_layers - 1) * 16 * steps * self.dim**2


def left_aligned(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """x (B, N, D) with the real tokens of `mask` (B, N) moved to the front in their order, and their number (B,);
    zeros follow."""
    length = mask.shape[1]
    place = torch.where(mask, mask.cumsum(1) - 1, length)  # padding goes to one place beyond the end
    moved = x.new_zeros(x.shape[0], length + 1, x.shape[2]).scatter(1, place.unsqueeze(-1).expand_as(x), x)
    return moved[:, :length], mask.sum(1)
