"""Multi-head attention with masks."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from interlace.errors import UserError
from interlace.nn.cache import LayerCache
from interlace.nn.norms import RMSNorm
from interlace.nn.rotary import Rotation, rotate
from interlace.nn.scaled_dot_product import attend


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention with H heads, self or cross (Vaswani et al. 2017, eq. 1 and section 3.2.2).

    softmax(Q K' / sqrt(d)) V per head of width d, then an output projection. Queries x (B, Nq, D) attend to
    `memory` (B, Nk, D), or to x itself. One fused projection holds Q, K and V (rows in this order, as in
    torch.nn.MultiheadAttention). `head_dim` None: d = D / H; else the inner width H d may differ from D (T5).
    `scale` None: 1 / sqrt(d). `dropout` drops attention weights; on CPUs this rules out the fused kernel.
    `query_key_norm`: queries and keys of each head are scaled to root mean square 1 (Henry et al. 2020, without a
    gain).

    Parameters: 4 D H d, with `bias` and 3 H d + D. FLOPs (multiply + add), H d = D: 4 (Nq + Nk) D^2 + 4 Nq Nk D.
    """

    def __init__(
        self,
        *,
        dim: int,
        num_heads: int,
        head_dim: int | None = None,
        bias: bool = True,
        scale: float | None = None,
        dropout: float = 0.0,
        query_key_norm: bool = False,
    ) -> None:
        super().__init__()
        if head_dim is None and dim % num_heads:
            raise UserError(f"attention: width {dim} cannot be split into {num_heads} equal heads; choose a divisor")
        self.num_heads = num_heads
        self.head_dim = head_dim or dim // num_heads
        self.scale = scale
        self.dropout = dropout
        inner = num_heads * self.head_dim
        self.projection = nn.Linear(dim, 3 * inner, bias=bias)
        self.output = nn.Linear(inner, dim, bias=bias)
        self.query_key_norm = RMSNorm(self.head_dim, eps=1e-6, weighted=False) if query_key_norm else None
        nn.init.xavier_uniform_(self.projection.weight)
        if bias:
            nn.init.zeros_(self.projection.bias)
            nn.init.zeros_(self.output.bias)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        bias: Tensor | None = None,
        causal: bool = False,
        rotation: Rotation | None = None,
        cache: LayerCache | None = None,
    ) -> Tensor:
        """Compute attention, (B, Nq, D) -> (B, Nq, D).

        `mask` (B, Nk), True = real key: masked keys never influence the output, even if they are NaN, and a query
        without any real key attends to nothing (its output is the bias of the output projection). `bias`, in place of
        `mask`, is a mask (B | 1, H | 1, Nq | 1, Nk), bool or additive, see `key_mask`; masked keys must then be finite.
        `causal` hides later keys and excludes the other two. `rotation` applies rotary positions to queries and keys.
        With `cache` the keys and values of earlier calls come first, and x holds the new tokens only; those of a
        `memory` are computed once.
        """
        if mask is not None:
            if memory is None:
                x = zero_masked(x, mask)
            else:
                memory = zero_masked(memory, mask)
            bias = key_mask(mask)
        if memory is None:
            q, k, v = self._project(x, rotation)
            if cache is not None:
                k, v = cache.append(k, v)
        else:
            assert rotation is None, "the positions of a memory differ from those of x"
            q, k, v = self._project_across(x, memory, cache)
        dropout = self.dropout if self.training else 0.0
        attended = partial(attend, k=k, v=v, causal=causal, scale=self.scale, dropout=dropout)
        y = attended(q, bias=bias) if q.shape[0] == k.shape[0] else _attend_to_shared(attended, q, k.shape[0], bias)
        y = y.transpose(1, 2).flatten(2)  # (B, H, Nq, d) -> (B, Nq, H d)
        if mask is not None:
            y = y * mask.any(1)[:, None, None]
        return self.output(y)

    def _project(self, x: Tensor, rotation: Rotation | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values of x, each (B, H, N, d), as strided views without a copy."""
        qkv = self.projection(x).unflatten(-1, (3, self.num_heads, self.head_dim))  # (B, N, 3, H, d)
        if self.query_key_norm is None and rotation is None:
            q, k, v = qkv.unbind(2)
        else:
            qk, v = qkv.split((2, 1), dim=2)
            if self.query_key_norm is not None:
                qk = self.query_key_norm(qk)
            if rotation is not None:
                qk = rotate(qk, rotation)
            (q, k), v = qk.unbind(2), v.squeeze(2)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    def _project_across(self, x: Tensor, memory: Tensor, cache: LayerCache | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries of x (B, H, Nq, d), keys and values of the memory (B, H, Nk, d)."""
        heads = (self.num_heads, self.head_dim)
        inner = self.num_heads * self.head_dim
        weight, bias = self.projection.weight, self.projection.bias
        has_bias = bias is not None
        q = F.linear(x, weight[:inner], bias[:inner] if has_bias else None).unflatten(-1, heads).transpose(1, 2)
        if cache is not None and cache.memory is not None:
            return q, *cache.memory  # with fewer rows than q where beams share them
        kv = F.linear(memory, weight[inner:], bias[inner:] if has_bias else None).unflatten(-1, (2, *heads))
        k, v = (y.transpose(1, 2) for y in kv.unbind(2))
        if cache is not None:
            cache.memory, cache.shared = (k, v), len(x) // len(memory)
        return q, k, v


def _attend_to_shared(attended: Callable[..., Tensor], q: Tensor, num_memories: int, bias: Tensor | None) -> Tensor:
    """Return `attended` (B, H, Nq, d) to fewer keys than queries' rows, each shared by B / num_memories rows.

    The queries of these rows become queries of one row; a bias has the same values for all queries of a memory.
    """
    shared, num_queries = q.shape[0] // num_memories, q.shape[2]
    if bias is not None and bias.shape[0] == q.shape[0]:
        bias = bias[::shared]
    q = q.unflatten(0, (num_memories, shared)).transpose(1, 2).flatten(2, 3)  # (B / shared, H, shared Nq, d)
    return attended(q, bias=bias).unflatten(2, (shared, num_queries)).transpose(1, 2).flatten(0, 1)


def key_mask(mask: Tensor) -> Tensor:
    """Return the mask (B, Nk), True = real, as (B, 1, 1, Nk) for `MultiHeadAttention(bias=...)`.

    A row without any real key becomes all True, since a softmax over no key is NaN in some kernels. The result of such
    a row is meaningless and must be discarded by the caller.
    """
    return (mask | ~mask.any(1, keepdim=True))[:, None, None, :]


def zero_masked(x: Tensor, mask: Tensor) -> Tensor:
    """Return x (B, N, D) with zeros where `mask` (B, N) is False, even where x is NaN."""
    return x.masked_fill(~mask.unsqueeze(-1), 0.0)


def attention_parameters(dim: int) -> int:
    """Return the parameters of one MultiHeadAttention with biases and H d = D: 4 D^2 + 4 D."""
    return 4 * dim * dim + 4 * dim


def attention_flops(num_queries: int, num_keys: int, dim: int) -> int:
    """Return the multiplications and additions of one MultiHeadAttention: 4 (Nq + Nk) D^2 + 4 Nq Nk D."""
    return 4 * (num_queries + num_keys) * dim * dim + 4 * num_queries * num_keys * dim
