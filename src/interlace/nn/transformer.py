"""Pre-norm transformer layers and stacks of them."""

from torch import Tensor, nn

from interlace.nn.attention import (
    MultiHeadAttention,
    attention_flops,
    attention_parameters,
    key_mask,
    zero_masked,
)
from interlace.nn.feed_forward import FeedForward


class TransformerLayer(nn.Module):
    """x + Attention(LN(x)), then x + FeedForward(LN(x)) (pre-norm: Xiong et al. 2020, figure 1b).

    With `memory` the attention is across: queries from x, keys and values from LN(memory), under the same
    LayerNorm as x (as in MulT, Tsai et al. 2019, eq. 5).
    Parameters: (4 + 2 ratio) D^2 + (9 + ratio) D.
    """

    def __init__(self, *, dim: int, num_heads: int, ratio: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim=dim, num_heads=num_heads)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim=dim, ratio=ratio)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(
        self,
        x: Tensor,
        *,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        bias: Tensor | None = None,
        causal: bool = False,
        num_queries: int | None = None,
    ) -> Tensor:
        """(B, N, D) -> (B, N, D); `mask`, `bias` and `causal` as in MultiHeadAttention.

        `num_queries` = Q evaluates the first Q positions only and returns (B, Q, D): they attend to all, so the
        result is that of the whole layer, at a fraction of its cost where the rest is not read.
        """
        h = self.attention_norm(x)
        if memory is not None:
            memory = self.attention_norm(memory)
        elif num_queries is not None:
            h, memory, x = h[:, :num_queries], h, x[:, :num_queries]
        x = x + self.dropout(self.attention(h, memory, mask=mask, bias=bias, causal=causal))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class TransformerEncoder(nn.Module):
    """A stack of L layers and a final LayerNorm. Parameters: L (layer) + 2 D.

    Masked tokens are set to zero once on entry; from then on they are finite and hidden from the others, so
    that neither junk nor NaN in the padding reaches a real token.
    """

    def __init__(self, *, dim: int, num_layers: int, num_heads: int, ratio: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerLayer(dim=dim, num_heads=num_heads, ratio=ratio, dropout=dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, num_queries: int | None = None) -> Tensor:
        """x (B, N, D), mask (B, N) True = real -> (B, N, D). The output under the mask is finite and means nothing.

        `num_queries` = Q: only the first Q positions of the last layer, (B, Q, D).
        """
        bias = None
        if mask is not None:
            x, bias = zero_masked(x, mask), key_mask(mask)
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            x = layer(x, bias=bias, num_queries=num_queries if index == last else None)
        return self.norm(x if num_queries is None else x[:, :num_queries])


def layer_parameters(dim: int, ratio: int) -> int:
    """Parameters of one TransformerLayer: attention, feed-forward and two LayerNorms."""
    return attention_parameters(dim) + 2 * ratio * dim * dim + (ratio + 1) * dim + 4 * dim


def layer_flops(num_queries: int, num_keys: int, dim: int, ratio: int) -> int:
    """Multiplications and additions of one TransformerLayer, without norms and activations."""
    return attention_flops(num_queries, num_keys, dim) + 4 * ratio * num_queries * dim * dim
