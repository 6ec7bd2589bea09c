"""softmax(Q K' scale + bias) V, by the kernel that is fastest for the case."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from interlace.nn.dropout import dropout as drop

# Scores held at once by `attend_by_products`; beyond, the fused kernel, which holds none, is used.
MOST_SCORES = 2**26


def attend(
    q: Tensor, k: Tensor, v: Tensor, *, bias: Tensor | None, causal: bool, scale: float | None, dropout: float
) -> Tensor:
    """Queries (B, H, Nq, d), keys and values (B, H, Nk, d) -> (B, H, Nq, d).

    `bias` (B | 1, H | 1, Nq | 1, Nk): bool, True = seen, or added to the scores. `scale` None = 1/sqrt(d).
    torch's `scaled_dot_product_attention`, but on CPUs where its fused kernel is slow or not used at all. Forward
    and backward of one layer, B 32, H 4, N 128, d 64, one thread of an AVX-512 core: bfloat16 55 ms by the fused
    kernel, 20 ms by plain products; float32 with a trained bias (T5) 86 and 67 ms; float32 alone 30 and 35 ms.
    """
    if q.device.type == "cpu" and q.shape[0] * q.shape[1] * q.shape[2] * k.shape[2] <= MOST_SCORES:
        trained_bias = bias is not None and bias.requires_grad
        if q.dtype == torch.bfloat16 or dropout or trained_bias:
            return attend_by_products(q, k, v, bias=bias, causal=causal, scale=scale, dropout=dropout)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=causal, scale=scale, dropout_p=dropout)


def attend_by_products(
    q: Tensor, k: Tensor, v: Tensor, *, bias: Tensor | None, causal: bool, scale: float | None, dropout: float
) -> Tensor:
    """`attend` as two batched matrix products that keep the scores."""
    batch, heads, num_queries, dim = q.shape
    num_keys = k.shape[2]
    scale = 1 / math.sqrt(dim) if scale is None else scale
    q, k, v = (x.reshape(batch * heads, -1, dim) for x in (q, k, v))
    scores = torch.baddbmm(q.new_empty(1, 1, 1), q, k.transpose(1, 2), beta=0, alpha=scale)  # (B H, Nq, Nk)
    if causal:
        scores += torch.full((num_queries, num_keys), -math.inf, dtype=q.dtype, device=q.device).triu(1)
    if bias is not None:
        by_head = scores.view(batch, heads, num_queries, num_keys)
        if bias.dtype == torch.bool:
            by_head.masked_fill_(~bias, -math.inf)
        else:
            by_head += bias
    weights = scores.softmax(-1)
    if dropout:
        weights = drop(weights, dropout)
    return torch.bmm(weights, v).view(batch, heads, num_queries, dim)
