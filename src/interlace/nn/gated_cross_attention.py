"""Gated cross-attention, inserted between the layers of a trained transformer."""

import torch
from torch import Tensor, nn

from interlace.nn.attention import MultiHeadAttention, key_mask
from interlace.nn.cache import LayerCache
from interlace.nn.dropout import build_dropout
from interlace.nn.feed_forward import FeedForward


class GatedCrossAttention(nn.Module):
    """x + tanh(a) Attention(LN(x), memory), then x + tanh(b) FeedForward(LN(x)) (Alayrac et al. 2022, figure 4).

    With `initial_gate` 0, a = b = 0: the layer returns exactly its input until training opens the gates. A row whose
    memory has no real token is returned unchanged for all values of the gates.

    Parameters: (4 + 2 r) D^2 + 4 D + 2 with r the `ratio`; only the norms have biases.
    FLOPs: 4 (N + M) D^2 + 4 N M D + 4 r N D^2.
    """

    def __init__(self, *, dim: int, num_heads: int, ratio: int, dropout: float, initial_gate: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim=dim, num_heads=num_heads, bias=False)
        self.attention_gate = nn.Parameter(torch.tensor(float(initial_gate)))
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim=dim, hidden_dim=ratio * dim, bias=False)
        self.feed_forward_gate = nn.Parameter(torch.tensor(float(initial_gate)))
        self.dropout = build_dropout(dropout)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor, cache: LayerCache | None = None) -> Tensor:
        """Compute the layer, (B, N, D) -> (B, N, D); memory (B, M, D) is finite also where `mask` (B, M) is False.

        With `cache` the keys and values of the memory are computed at the first call only.
        """
        present = mask.any(1)[:, None, None].to(x.dtype)  # (B, 1, 1)
        y = self.attention(self.attention_norm(x), memory, bias=key_mask(mask), cache=cache)
        x = x + present * self.attention_gate.tanh() * self.dropout(y)
        y = self.feed_forward(self.feed_forward_norm(x))
        return x + present * self.feed_forward_gate.tanh() * self.dropout(y)


def gated_parameters(dim: int, ratio: int) -> int:
    """Return the parameters of one GatedCrossAttention."""
    return (4 + 2 * ratio) * dim * dim + 4 * dim + 2
