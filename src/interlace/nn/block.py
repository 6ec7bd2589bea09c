"""Transformer block."""

from collections.abc import Callable

from torch import Tensor, nn

from interlace.nn.attention import MultiHeadAttention
from interlace.nn.cache import LayerCache
from interlace.nn.dropout import build_dropout
from interlace.nn.rotary import Rotation


class Block(nn.Module):
    """Attention, optional cross-attention to a memory, and optional feed-forward, each with a residual connection.

    `pre_norm`: x + f(norm(x)) (Xiong et al. 2020, figure 1b); else norm(x + f(x)) (Vaswani et al. 2017).
    `dropout` acts on the output of f. Parameters: those of the sub-layers and of one norm for each.
    """

    def __init__(
        self,
        *,
        attention: MultiHeadAttention,
        feed_forward: nn.Module | None,
        norm: Callable[[], nn.Module],
        pre_norm: bool,
        dropout: float,
        cross_attention: MultiHeadAttention | None = None,
    ) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.attention_norm = norm()
        self.attention = attention
        self.cross_attention_norm = norm() if cross_attention is not None else None
        self.cross_attention = cross_attention
        self.feed_forward_norm = norm() if feed_forward is not None else None
        self.feed_forward = feed_forward
        self.dropout = build_dropout(dropout)

    def forward(
        self,
        x: Tensor,
        *,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        bias: Tensor | None = None,
        causal: bool = False,
        memory_bias: Tensor | None = None,
        rotation: Rotation | None = None,
        cache: LayerCache | None = None,
        num_queries: int | None = None,
    ) -> Tensor:
        """Compute the block, (B, N, D) -> (B, N, D).

        `mask`, `bias`, `causal`, `rotation` and `cache` are as in MultiHeadAttention. `memory` (B, M, D) gives the keys
        and values of `cross_attention`, masked by `memory_bias`. In a block without cross-attention, `attention` itself
        attends to the memory: queries from x, keys and values from norm(memory), with the same norm as x (as in MulT,
        Tsai et al. 2019, eq. 5). `num_queries` = Q evaluates the first Q positions only and returns (B, Q, D): these
        attend to all positions, so that the result equals that of the full block at a lower cost.
        """
        h = self.attention_norm(x) if self.pre_norm else x
        across = None
        if memory is not None and self.cross_attention is None:
            across = self.attention_norm(memory) if self.pre_norm else memory
        elif num_queries is not None:
            h, across, x = h[:, :num_queries], h, x[:, :num_queries]
            bias = bias if bias is None else bias[..., :num_queries, :]
        y = self.attention(h, across, mask=mask, bias=bias, causal=causal, rotation=rotation, cache=cache)
        x = self._add(x, y, self.attention_norm)
        if self.cross_attention is not None and self.cross_attention_norm is not None:
            h = self.cross_attention_norm(x) if self.pre_norm else x
            y = self.cross_attention(h, memory, bias=memory_bias, cache=cache)
            x = self._add(x, y, self.cross_attention_norm)
        if self.feed_forward is None or self.feed_forward_norm is None:
            return x
        y = self.feed_forward(self.feed_forward_norm(x) if self.pre_norm else x)
        return self._add(x, y, self.feed_forward_norm)

    def _add(self, x: Tensor, y: Tensor, norm: nn.Module) -> Tensor:
        x = x + self.dropout(y)
        return x if self.pre_norm else norm(x)
