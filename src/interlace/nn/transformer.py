"""Pre-norm transformer layers and stacks of them, used by encoders and fusion strategies."""

from functools import partial

from torch import nn

from interlace.nn.attention import MultiHeadAttention, attention_flops, attention_parameters
from interlace.nn.block import Block
from interlace.nn.feed_forward import FeedForward
from interlace.nn.stack import Stack


class TransformerLayer(Block):
    """x + Attention(LN(x)), then x + FeedForward(LN(x)) (pre-norm: Xiong et al. 2020, figure 1b), with GELU.

    `ratio` 0: no feed-forward. Parameters, r = `ratio`: (4 + 2 r) D^2 + (9 + r) D; 4 D^2 + 6 D for r = 0.
    FLOPs, Nq queries and Nk keys: 4 (Nq + Nk) D^2 + 4 Nq Nk D + 4 r Nq D^2.
    """

    def __init__(self, *, dim: int, num_heads: int, ratio: int, dropout: float) -> None:
        super().__init__(
            attention=MultiHeadAttention(dim=dim, num_heads=num_heads),
            feed_forward=FeedForward(dim=dim, hidden_dim=ratio * dim) if ratio else None,
            norm=partial(nn.LayerNorm, dim),
            pre_norm=True,
            dropout=dropout,
        )


class TransformerEncoder(Stack):
    """A stack of L TransformerLayers and a final LayerNorm. Parameters: L (layer) + 2 D."""

    def __init__(self, *, dim: int, num_layers: int, num_heads: int, ratio: int, dropout: float) -> None:
        super().__init__(
            blocks=(
                TransformerLayer(dim=dim, num_heads=num_heads, ratio=ratio, dropout=dropout) for _ in range(num_layers)
            ),
            norm=nn.LayerNorm(dim),
        )


def layer_parameters(dim: int, ratio: int) -> int:
    """Return the parameters of one TransformerLayer: attention, feed-forward and two LayerNorms."""
    feed_forward = 2 * ratio * dim * dim + (ratio + 1) * dim + 2 * dim if ratio else 0
    return attention_parameters(dim) + 2 * dim + feed_forward


def layer_flops(num_queries: int, num_keys: int, dim: int, ratio: int) -> int:
    """Return the multiplications and additions of one TransformerLayer, without norms and activations."""
    return attention_flops(num_queries, num_keys, dim) + 4 * ratio * num_queries * dim * dim
